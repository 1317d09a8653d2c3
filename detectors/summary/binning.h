#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "detectors/summary/shape.h"

namespace faultline {

// The bin boundaries of a numeric shape, laid out for a branch-free search in two steps: eight
// groups of eight boundaries, and the last boundary of each group. An extra boundary just above the
// outermost one separates a value equal to it from one above. Takes about 20 ns to build, which
// pays off from a few values on.
struct BoundaryTable {
  static constexpr uint32_t kSlots = 64;

  explicit BoundaryTable(const Shape& shape);

  alignas(32) std::array<double, kSlots> boundaries;
  alignas(32) std::array<double, 8> group_last;
  // Number of boundaries <= x -> cell of the summary.
  std::array<uint8_t, kSlots + 1> cell;
  double center;
  double scale;
};

// Totals of one run of values, in fixed point.
struct RunTotals {
  int64_t sum = 0;
  int64_t sum_of_squares = 0;
  double least;
  double largest;
};

// round(clip((value - center) / scale, +-kClip) * kUnit), half to even. value is finite.
int32_t FixedPoint(double value, double center, double scale);

// One implementation of counting numbers. All of them give the same bits.
struct CountingKernel {
  const char* name;
  // True if no value is NaN or infinite.
  bool (*all_finite)(const double* values, uint32_t count);
  // Adds 1 to hits[number of boundaries <= value] for each value (hits has BoundaryTable::kSlots +
  // 1 elements) and the values to totals. Values are finite, at most 2^16.
  void (*count)(const BoundaryTable& table, const double* values, uint32_t count, uint32_t* hits,
                RunTotals* totals);
};

// The kernels that this machine can run, the fastest last: "portable" and, if supported, "avx2".
std::span<const CountingKernel> CountingKernels();

// The fastest kernel, chosen once.
const CountingKernel& BestCountingKernel();

}  // namespace faultline
