#include "detectors/contract/judgement.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include <cmath>

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

bool HasShape(const Summary& reference, Verdict* verdict) {
  const Shape& shape = reference.shape();
  const bool numeric = shape.type == SignalType::kNumeric;
  if (numeric ? !shape.boundaries.empty() : !shape.categories.empty()) return true;
  verdict->detail = "the reference has no usable value";
  return false;
}

bool HasRows(uint64_t reference_rows, uint64_t rows, const FixedRule& rule, Verdict* verdict) {
  verdict->threshold = rule.threshold;
  verdict->rows = rows;
  verdict->reference_rows = reference_rows;
  if (reference_rows < kReferenceRowsMin) {
    const uint64_t missing = kReferenceRowsMin - reference_rows;
    verdict->detail =
        missing == 1 ? "1 more reference row" : absl::StrCat(missing, " more reference rows");
    return false;
  }
  if (rows < rule.rows_min) {
    verdict->detail =
        absl::StrCat(rule.rows_min - rows, " more ", rule.rows_min - rows == 1 ? "row" : "rows");
    return false;
  }
  return true;
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
