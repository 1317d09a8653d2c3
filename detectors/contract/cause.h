#pragma once

#include <cstdint>

namespace faultline {

// What an alarm means to people, beyond the signal it is on.

// What kind of failure it points to. Values are those of v1::FailureMode.
enum class FailureMode : uint8_t {
  kUnspecified = 0,
  kDataQuality = 1,
  kInputDrift = 2,
  kPredictionDrift = 3,
  kUnusualInput = 4,
  kOperational = 5,
  kTrafficMix = 6,
  kMonitorBlind = 7,
};

// Causes that a detector can identify by itself. Values are those of v1::Cause.
enum class Cause : uint8_t {
  kUnitChange = 4,
  kTrafficStopped = 13,
  kRepeatedRows = 14,
  kRelationBroken = 15,
};

// The cause that alarms of a detector speak for. The detail of the verdict is the finding. Without
// a title it is a cause that triage has rules for, and that has its words there
// (daemon/core/incident/triage_rules.cc).
struct DetectorCause {
  Cause cause;
  FailureMode failure_mode = FailureMode::kUnspecified;
  double weight = 0;                // against other causes; the rules of triage have 2 to 5
  const char* title = nullptr;      // a clause: "the same rows come again"
  const char* next_step = nullptr;  // an order, without a full stop
};

}  // namespace faultline
