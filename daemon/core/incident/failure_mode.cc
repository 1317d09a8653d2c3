#include "daemon/core/incident/failure_mode.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace faultline {
namespace {

struct Line {
  v1::ColumnRole role;
  // What an alarm on such a column points to, by Concern: quality, shift, change, anomaly.
  std::array<v1::FailureMode, 4> modes;
};

constexpr auto kQuality = v1::FAILURE_MODE_DATA_QUALITY;
constexpr auto kInputs = v1::FAILURE_MODE_INPUT_DRIFT;
constexpr auto kOutputs = v1::FAILURE_MODE_PREDICTION_DRIFT;
constexpr auto kUnusual = v1::FAILURE_MODE_UNUSUAL_INPUT;
constexpr auto kService = v1::FAILURE_MODE_OPERATIONAL;

constexpr Line kTable[] = {
    {v1::COLUMN_ROLE_FEATURE, {kQuality, kInputs, kInputs, kUnusual}},
    {v1::COLUMN_ROLE_TAG, {kQuality, kInputs, kInputs, kUnusual}},
    {v1::COLUMN_ROLE_PREDICTION, {kQuality, kOutputs, kOutputs, kOutputs}},
    {v1::COLUMN_ROLE_PREDICTION_SCORE, {kQuality, kOutputs, kOutputs, kOutputs}},
    {v1::COLUMN_ROLE_LATENCY, {kService, kService, kService, kService}},
    {v1::COLUMN_ROLE_STATUS, {kService, kService, kService, kService}},
};

// Causes before what follows from them.
constexpr v1::FailureMode kPrecedence[] = {kQuality, kInputs,  kUnusual,
                                           kOutputs, kService, v1::FAILURE_MODE_UNSPECIFIED};

}  // namespace

v1::FailureMode FailureModeOf(Concern concern, v1::ColumnRole role) {
  if (role == v1::COLUMN_ROLE_UNSPECIFIED) role = v1::COLUMN_ROLE_FEATURE;
  for (const Line& line : kTable) {
    if (line.role == role) return line.modes[static_cast<size_t>(concern)];
  }
  return v1::FAILURE_MODE_UNSPECIFIED;
}

v1::FailureMode LeadingFailureMode(v1::FailureMode a, v1::FailureMode b) {
  const auto* end = std::end(kPrecedence);
  return std::find(std::begin(kPrecedence), end, a) <= std::find(std::begin(kPrecedence), end, b)
             ? a
             : b;
}

}  // namespace faultline
