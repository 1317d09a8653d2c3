#include "detectors/contract/judgement.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include <cmath>
#include <utility>

namespace faultline {

std::string RowsInWords(uint64_t rows) { return absl::StrCat(rows, rows == 1 ? " row" : " rows"); }

std::string NumberInWords(double number) { return absl::StrFormat("%.6g", number); }

absl::Status OptionError(const char* kind, const char* option, const char* range) {
  return absl::InvalidArgumentError(absl::StrCat(kind, ".", option, " must be ", range));
}

absl::StatusOr<FixedRule> MakeFixedRule(const char* kind, double threshold, double threshold_max,
                                        uint64_t rows_min) {
  if (threshold_max <= 1 && threshold > threshold_max) {
    return OptionError(kind, "threshold", "0 to 1");
  }
  if (threshold_max > 1 && (threshold == 0 || std::isinf(threshold))) {
    return OptionError(kind, "threshold", "above 0");
  }
  if (rows_min < 1 || rows_min > 1'000'000'000) {
    return OptionError(kind, "rows_min", "1 to 1000000000");
  }
  return FixedRule{threshold, rows_min};
}

std::string_view MissingShape(const Summary& reference) {
  const Shape& shape = reference.shape();
  const bool numeric = shape.type == SignalType::kNumeric;
  const bool usable = numeric ? !shape.boundaries.empty() : !shape.categories.empty();
  return usable ? "" : "the reference has no usable value";
}

std::string MissingRows(uint64_t reference_rows, uint64_t rows, uint64_t rows_min) {
  if (reference_rows < kReferenceRowsMin) {
    const uint64_t missing = kReferenceRowsMin - reference_rows;
    return absl::StrCat(missing, " more reference ", missing == 1 ? "row" : "rows");
  }
  if (rows < rows_min) {
    const uint64_t missing = rows_min - rows;
    return absl::StrCat(missing, " more ", missing == 1 ? "row" : "rows");
  }
  return "";
}

bool HasShape(const Summary& reference, Verdict* verdict) {
  const std::string_view missing = MissingShape(reference);
  if (missing.empty()) return true;
  verdict->detail = missing;
  return false;
}

bool HasRows(uint64_t reference_rows, uint64_t rows, const FixedRule& rule, Verdict* verdict) {
  verdict->threshold = rule.threshold;
  verdict->rows = rows;
  verdict->reference_rows = reference_rows;
  std::string missing = MissingRows(reference_rows, rows, rule.rows_min);
  if (missing.empty()) return true;
  verdict->detail = std::move(missing);
  return false;
}

void Decide(Verdict* verdict, double margin) {
  if (std::isnan(verdict->threshold)) {
    verdict->state = VerdictState::kCannotTell;
    verdict->detail = "no threshold is set";
  } else if (!(verdict->score > 0) || verdict->score < verdict->threshold) {
    verdict->state = VerdictState::kQuiet;
  } else if (verdict->score < margin * verdict->noise_floor) {
    verdict->state = VerdictState::kCannotTell;
    verdict->detail = absl::StrFormat("more rows: chance alone gives about %.3g with %s",
                                      verdict->noise_floor, RowsInWords(verdict->rows));
  } else {
    verdict->state = VerdictState::kAlarm;
  }
}

}  // namespace faultline
