#include "detectors/shift/coarse_cells.h"

#include <cmath>

#include "detectors/contract/detector.h"

namespace faultline {

CoarseCells MakeCoarseCells(const Summary& reference, const Summary& window) {
  const std::span<const uint64_t> from = reference.cells();
  const std::span<const uint64_t> to = window.cells();
  CoarseCells coarse;
  if (reference.shape().type != SignalType::kNumeric) {
    coarse.reference.assign(from.begin(), from.end());
    coarse.window.assign(to.begin(), to.end());
    return coarse;
  }
  const uint32_t bins = reference.shape().bins();
  const size_t cells_max = kCoarseBins + from.size() - bins;
  coarse.reference.reserve(cells_max);
  coarse.window.reserve(cells_max);
  uint64_t total = 0;
  for (uint32_t i = 0; i < bins; ++i) total += from[i];
  uint64_t below = 0;
  uint64_t next_tenth = 1;
  uint64_t joined = 0;
  uint64_t joined_window = 0;
  for (uint32_t i = 0; i < bins; ++i) {
    below += from[i];
    joined += from[i];
    joined_window += to[i];
    const bool last = i + 1 == bins;
    if (!last && below * kCoarseBins < next_tenth * total) continue;
    coarse.reference.push_back(joined);
    coarse.window.push_back(joined_window);
    joined = 0;
    joined_window = 0;
    if (total > 0) next_tenth = below * kCoarseBins / total + 1;
  }
  for (size_t i = bins; i < from.size(); ++i) {
    coarse.reference.push_back(from[i]);
    coarse.window.push_back(to[i]);
  }
  return coarse;
}

std::vector<uint64_t> AscendingCells(const Summary& summary) {
  const uint32_t bins = summary.shape().bins();
  std::vector<uint64_t> cells = {summary.under()};
  cells.insert(cells.end(), summary.cells().begin(), summary.cells().begin() + bins);
  cells.push_back(summary.over());
  return cells;
}

double MeanShift(const Summary& reference, const Summary& window) {
  const double deviation = std::sqrt(reference.moments().variance());
  if (!(deviation > 0)) return kUnset;
  return (window.moments().mean() - reference.moments().mean()) / deviation;
}

}  // namespace faultline
