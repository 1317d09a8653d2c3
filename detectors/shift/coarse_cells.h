#pragma once

#include <cstdint>
#include <vector>

#include "detectors/summary/summary.h"

namespace faultline {

// A reference and a window counted into the few cells that distances between shares use: with all
// sixty bins, chance would dominate the score of a small window. Numbers: neighbouring
// bins joined to at most ten of about equal reference share, then under, over, missing, invalid.
// Categories: as counted.
struct CoarseCells {
  std::vector<uint64_t> reference;
  std::vector<uint64_t> window;
};

inline constexpr uint32_t kCoarseBins = 10;

CoarseCells MakeCoarseCells(const Summary& reference, const Summary& window);

// The values of a numeric summary as cells in ascending order: under, bins, over.
std::vector<uint64_t> AscendingCells(const Summary& summary);

// (mean of the window - mean of the reference) / deviation of the reference. NaN without values or
// deviation. Numbers only.
double MeanShift(const Summary& reference, const Summary& window);

}  // namespace faultline
