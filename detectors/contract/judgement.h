#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "detectors/contract/detector.h"

namespace faultline {

// The fixed rule that compare detectors share: alarm at or above a threshold, given enough rows.
struct FixedRule {
  double threshold = kUnset;  // NaN: none
  uint64_t rows_min = 0;
};

// A reference with fewer rows is too small to compare with.
inline constexpr uint64_t kReferenceRowsMin = 20;
// A score above its threshold counts as more than chance from this many noise floors on, unless the
// kind sets another margin.
inline constexpr double kNoiseMargin = 2;

// Rows as words: "1 row", "12 rows".
std::string RowsInWords(uint64_t rows);

// A number for people: six significant digits.
std::string NumberInWords(double number);

// INVALID_ARGUMENT that names the option and its range.
absl::Status OptionError(const char* kind, const char* option, const char* range);

// Checks the options that compare kinds share. threshold_max: 1 for scores up to 1, +infinity for
// unbounded ones (for which a threshold of 0 is refused).
absl::StatusOr<FixedRule> MakeFixedRule(const char* kind, double threshold, double threshold_max,
                                        uint64_t rows_min);

// Reads `threshold` and `rows_min` from any options message that has them.
template <typename Options>
absl::StatusOr<FixedRule> ReadFixedRule(const char* kind, const Options& options,
                                        double threshold_max, uint64_t rows_min_default) {
  const double threshold = options.has_threshold() ? options.threshold() : kUnset;
  if (options.has_threshold() && !(threshold >= 0)) {
    return OptionError(kind, "threshold", threshold_max <= 1 ? "0 to 1" : "above 0");
  }
  return MakeFixedRule(kind, threshold, threshold_max,
                       options.has_rows_min() ? options.rows_min() : rows_min_default);
}

// What is missing before a score can be computed; empty if nothing is: values in the reference to
// make boundaries or categories from; enough rows on both sides.
std::string_view MissingShape(const Summary& reference);
std::string MissingRows(uint64_t reference_rows, uint64_t rows, uint64_t rows_min);

// True if the reference had values to make boundaries or categories from; else the verdict says so.
bool HasShape(const Summary& reference, Verdict* verdict);

// True if there are enough rows on both sides to compute a score; else the verdict says how many
// are missing. Sets rows, reference_rows and threshold either way.
bool HasRows(uint64_t reference_rows, uint64_t rows, const FixedRule& rule, Verdict* verdict);

// Sets the state from score, threshold and noise floor, which must be set:
//   no threshold                          cannot tell, "no threshold is set"
//   score is 0 or below the threshold     quiet
//   score below `margin` noise floors     cannot tell: it may be chance
//   else                                  alarm
void Decide(Verdict* verdict, double margin = kNoiseMargin);

}  // namespace faultline
