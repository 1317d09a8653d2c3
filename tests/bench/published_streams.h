#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "detectors/stats/scoring.h"

namespace faultline::bench {

// The streams of the field's own benchmarks, from a folder beside the source tree. Empty if it is
// not there.

// Numenta Anomaly Benchmark: windows of rows in which something is odd.
struct NabStream {
  std::string name;
  std::vector<double> values;
  std::vector<RowSpan> windows;
};
std::vector<NabStream> ReadNab();

// Turing change-point dataset: where each annotator sees new segments begin. Those of one column.
struct TcpdSeries {
  std::string name;
  std::vector<double> values;
  std::vector<std::vector<uint64_t>> annotations;
};
std::vector<TcpdSeries> ReadTcpd();

}  // namespace faultline::bench
