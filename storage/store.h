#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/tables/state_write.h"

namespace faultline {

// Bytes that survive, under ordered keys (storage/tables/keys.h). Values are opaque here.
//
// Concurrency:  Commit has one caller at a time; everything else any.
// Failures:     the world's: after a failed Commit the store refuses more until Reopen succeeds,
//               because a failed sync says nothing about what is on the disk.
class Store {
 public:
  virtual ~Store() = default;

  // Applies all writes together or none. With `sync` they survive a power loss when it returns;
  // without, the death of this process.
  virtual absl::Status Commit(const std::vector<StateWrite>& writes, bool sync) = 0;

  // Empty if the store does not have the key.
  virtual absl::StatusOr<std::optional<std::string>> Get(std::string_view key) const = 0;

  // Calls `visit` for each key in [begin, end) in order until it returns false. An empty end is
  // the end of everything. Sees one consistent version.
  virtual absl::Status Scan(
      std::string_view begin, std::string_view end,
      const std::function<bool(std::string_view key, std::string_view value)>& visit) const = 0;

  // The same, from the last key below end downwards.
  virtual absl::Status ScanBackwards(
      std::string_view begin, std::string_view end,
      const std::function<bool(std::string_view key, std::string_view value)>& visit) const = 0;

  // After a failed Commit: tries to become usable again, with everything that was committed.
  virtual absl::Status Reopen() = 0;

  // Writes a consistent copy into `folder`, which must not exist.
  virtual absl::Status Backup(const std::string& folder) = 0;

  // Approximate bytes on disk.
  virtual uint64_t bytes() const = 0;

  // Approximate bytes that the background merge still has to process. A figure that keeps growing
  // means that the merge cannot keep up.
  virtual uint64_t compaction_debt_bytes() const = 0;
};

}  // namespace faultline
