#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "faultline/v1/evidence.pb.h"
#include "faultline/v1/incident.pb.h"

namespace faultline {

// Reference against window of one signal as a plot needs it, for terminals and pages.
//
// Concurrency:  pure.

// A category or bin, and its share of rows.
struct ShareCell {
  std::string label;
  double reference = 0;  // share of the rows, 0 to 1
  double window = 0;
  double difference() const;  // of the two shares, at least 0
};

// A range of numbers that rows fall into; low = high: one value.
struct NumberBin {
  double low = 0;
  double high = 0;
  double reference = 0;
  double window = 0;
};

struct SignalView {
  std::string signal;
  uint64_t reference_rows = 0;
  uint64_t window_rows = 0;
  std::optional<double> reference_mean;
  std::optional<double> window_mean;
  std::vector<NumberBin> bins;     // of numbers, ascending; empty: no numbers
  std::vector<ShareCell> cells;    // of categories; empty for numbers
  std::vector<ShareCell> special;  // "(missing)", "(over)", ... that are not empty
};

SignalView ViewOf(const v1::SignalEvidence& evidence);
// Of two distributions with the same bins.
SignalView ViewOf(const std::string& signal, const v1::Distribution& reference,
                  const v1::Distribution& window);

// Most changed first.
void SortByDifference(std::vector<ShareCell>* cells);

// The bins as columns of equal width. Bins of the tails that would take more than a quarter of the
// axis are clipped at its ends. A reference with too large a share in one column has no shape on a
// linear axis: then each bin has one column.
struct Histogram {
  std::vector<double> reference;  // share of the rows in each column
  std::vector<double> window;
  double low = 0;
  double high = 0;
  bool low_cut = false;
  bool high_cut = false;
  bool by_bin = false;
};
// `bins` must not be empty.
Histogram DrawHistogram(std::vector<NumberBin> bins, size_t columns_max);

}  // namespace faultline
