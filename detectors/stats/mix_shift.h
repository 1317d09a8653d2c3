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

// How much of a change of a signal's mean is more traffic from some categories (mix), and how much
// is change inside them (within); mix + within = total, to rounding (Kitagawa 1955). A category
// that is empty on one side is taken to have had its mean there already, so all of it is mix.
struct MixShift {
  MixPart total;
  MixPart mix;
  MixPart within;
  // What each category adds to them, around the reference's mean; as many as were given.
  std::vector<double> mix_by_slice;
  std::vector<double> within_by_slice;
};

// Both sides list the same categories. Intervals are by the delta method, rows independent; a
// category of one row on a side has no spread of its own there and widens nothing. All NaN if a
// side has no rows.
MixShift SplitMixShift(std::span<const SliceSums> reference, std::span<const SliceSums> window);

}  // namespace faultline
