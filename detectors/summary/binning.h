#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "detectors/summary/shape.h"

namespace faultline {

// The edges of a numeric shape laid out for a search in two steps without a branch: eight groups
// of eight edges, and the last edge of each group. One more edge just above the outer one tells a
// value equal to it from one above. Costs some 20 ns to make: worth it from a few values on.
struct EdgeTable {
  static constexpr uint32_t kSlots = 64;

  explicit EdgeTable(const Shape& shape);

  alignas(32) std::array<double, kSlots> edges;
  alignas(32) std::array<double, 8> group_last;
  // Number of edges <= x -> cell of the summary.
  std::array<uint8_t, kSlots + 1> cell;
  double center;
  double scale;
};

// What one run of values adds up to, in fixed point.
struct RunTotals {
  int64_t sum = 0;
  int64_t sum_of_squares = 0;
  double least;
  double largest;
};

// round(clip((value - center) / scale, +-kClip) * kUnit), half to even. value is finite.
int32_t FixedPoint(double value, double center, double scale);

// One way to count numbers. All ways give the same bits.
struct CountingKernel {
  const char* name;
  // True if no value is NaN or infinite.
  bool (*all_finite)(const double* values, uint32_t count);
  // Adds 1 to hits[number of edges <= value] for each value (hits has EdgeTable::kSlots + 1
  // elements) and the values to totals. Values are finite, at most 2^16.
  void (*count)(const EdgeTable& table, const double* values, uint32_t count, uint32_t* hits,
                RunTotals* totals);
};

// Those this machine can run, the fastest last: "portable" and, where it is there, "avx2".
std::span<const CountingKernel> CountingKernels();

// The fastest, chosen once.
const CountingKernel& BestCountingKernel();

}  // namespace faultline
