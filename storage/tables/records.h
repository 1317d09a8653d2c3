#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <string_view>

#include "storage/tables/envelope.h"
#include "storage/tables/tables.h"

namespace faultline {

// The value of a record: its payload in an envelope of the table's tag and record version.
inline std::string SealRecord(Table table, std::string_view payload) {
  const TableDescriptor& descriptor = DescriptorOf(table);
  return Seal(static_cast<char>(table), descriptor.record_version, payload);
}

// The payload, as a view of `sealed`. Fails as Open does.
inline absl::StatusOr<std::string_view> OpenRecord(Table table, std::string_view sealed) {
  const absl::StatusOr<Opened> opened =
      Open(static_cast<char>(table), DescriptorOf(table).record_version, sealed);
  if (!opened.ok()) return opened.status();
  return opened->payload;
}

}  // namespace faultline
