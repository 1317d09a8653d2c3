#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace faultline {

// One category's rows and the signal's values in them.
struct SliceSums {
  uint64_t rows = 0;
  double sum = 0;
  double squares = 0;  // of the values
};

// A part of a change of the mean, with its interval (95 %).
struct MixPart {
  double effect = 0;
  double low = 0;
  double high = 0;
};

// Splits a change of a signal's mean into a changed share of traffic per category (mix) and a
// change within categories (within); mix + within = total, up to rounding (Kitagawa 1955). A
// category that is empty on one side is assumed to have the same mean there, so all of its effect
// is mix.
struct MixShift {
  MixPart total;
  MixPart mix;
  MixPart within;
  // Contribution of each category, relative to the reference's mean; one per category.
  std::vector<double> mix_by_slice;
  std::vector<double> within_by_slice;
};

// Both sides list the same categories. Intervals are by the delta method, rows independent; a
// category with a single row on a side has no spread there and does not widen intervals. All NaN if
// a side has no rows.
MixShift SplitMixShift(std::span<const SliceSums> reference, std::span<const SliceSums> window);

}  // namespace faultline
