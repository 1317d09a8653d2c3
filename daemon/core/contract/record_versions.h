#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "storage/envelope.h"
#include "storage/keys.h"

namespace faultline {

// The version of the payload under a table of the core, as it is written now; older ones are read.
constexpr uint8_t RecordVersion(Table table) {
  switch (table) {
    case Table::kModel:
    case Table::kOpenPane:
    case Table::kClosedPane:
    case Table::kDetectorState:
    case Table::kAlerts:
    case Table::kIncidentBook:
    case Table::kReference:
    case Table::kRolling:
    case Table::kLearningRows:
    case Table::kTransform:
    case Table::kIncident:
    case Table::kBundles:
    case Table::kEvidence:
    case Table::kEvidencePane:
    case Table::kScoreHistory:
      return 1;
    case Table::kIncidentLine:
    case Table::kIncidentChange:
    case Table::kProducerMark:
    case Table::kGlobal:
      break;
  }
  return 0;  // not of the core
}

inline std::string SealRecord(Table table, std::string_view payload) {
  return Seal(static_cast<char>(table), RecordVersion(table), payload);
}

// The payload. Fails as Open does.
inline absl::StatusOr<std::string_view> OpenRecord(Table table, std::string_view sealed) {
  const absl::StatusOr<Opened> opened =
      Open(static_cast<char>(table), RecordVersion(table), sealed);
  if (!opened.ok()) return opened.status();
  return opened->payload;
}

}  // namespace faultline
