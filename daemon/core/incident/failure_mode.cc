#include "daemon/core/incident/failure_mode.h"

#include <algorithm>
#include <iterator>

namespace faultline {
namespace {

// Causes before consequences.
constexpr v1::FailureMode kPrecedence[] = {
    v1::FAILURE_MODE_DATA_QUALITY,     v1::FAILURE_MODE_INPUT_DRIFT, v1::FAILURE_MODE_UNUSUAL_INPUT,
    v1::FAILURE_MODE_PREDICTION_DRIFT, v1::FAILURE_MODE_OPERATIONAL, v1::FAILURE_MODE_UNSPECIFIED};

}  // namespace

v1::FailureMode FailureModeOf(FailureMode on_input, v1::ColumnRole role) {
  switch (role) {
    case v1::COLUMN_ROLE_UNSPECIFIED:
    case v1::COLUMN_ROLE_FEATURE:
    case v1::COLUMN_ROLE_TAG:
      return static_cast<v1::FailureMode>(on_input);
    case v1::COLUMN_ROLE_PREDICTION:
    case v1::COLUMN_ROLE_PREDICTION_SCORE:
      // Outputs can have bad values, but input drift and traffic mix do not apply to them.
      if (on_input == FailureMode::kInputDrift || on_input == FailureMode::kUnusualInput) {
        return v1::FAILURE_MODE_PREDICTION_DRIFT;
      }
      return static_cast<v1::FailureMode>(on_input);
    case v1::COLUMN_ROLE_LATENCY:
    case v1::COLUMN_ROLE_STATUS:
      return v1::FAILURE_MODE_OPERATIONAL;
    default:
      return v1::FAILURE_MODE_UNSPECIFIED;
  }
}

v1::FailureMode LeadingFailureMode(v1::FailureMode a, v1::FailureMode b) {
  const auto* end = std::end(kPrecedence);
  return std::find(std::begin(kPrecedence), end, a) <= std::find(std::begin(kPrecedence), end, b)
             ? a
             : b;
}

}  // namespace faultline
