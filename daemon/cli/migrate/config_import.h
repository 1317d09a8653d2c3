#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace faultline::cli {

// Rules of other tools as a monitor configuration: YAML that `faultline config check` takes. A
// rule without a counterpart here becomes a comment, and is never dropped silently. Imported rules
// have fixed thresholds and are therefore unbudgeted; the same signals are also put on the alarm
// budget.

struct ImportedModel {
  std::string name = "*";
  // Rows that the other tool judged at a time, 100 to 100 000: ten panes make such a window here.
  // p-values and corrections for few rows become thresholds for windows of that size.
  uint64_t window_rows = 1'000;
};

// SageMaker Model Monitor: the text of constraints.json, and of statistics.json or nothing.
// INVALID_ARGUMENT, naming the member, if one is malformed.
absl::StatusOr<std::string> ConfigOfSageMaker(std::string_view constraints,
                                              std::string_view statistics,
                                              const ImportedModel& model);

// A column of the reference, without missing values; categories as numbers.
struct ReferenceColumn {
  std::string name;
  bool categorical = false;
  std::vector<double> values;
};

// The rule that Evidently 0.7 takes by default for each column.
std::string ConfigOfEvidently(std::span<const ReferenceColumn> columns, const ImportedModel& model);

// NannyML 0.13's default: Jensen-Shannon above mean + 3 deviations over ten chunks of the
// reference. Columns of fewer than 10 rows are left out, with a comment.
std::string ConfigOfNannyMl(std::span<const ReferenceColumn> columns, const ImportedModel& model);

}  // namespace faultline::cli
