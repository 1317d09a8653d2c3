#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace faultline {

// Values enter as fixed-point integers q = round(clip((x - center) / scale, +-kClip) * kUnit), half
// to even. 256 scales at 2^-14 scale resolution: q fits 23 bits, q^2 fits 45.
inline constexpr double kClip = 256.0;
inline constexpr double kUnit = 16384.0;

// Exact sums of fixed-point values: independent of order, and they can be subtracted.
struct Moments {
  uint64_t count = 0;
  __int128 sum = 0;
  __int128 sum_of_squares = 0;

  void Merge(const Moments& other) {
    count += other.count;
    sum += other.sum;
    sum_of_squares += other.sum_of_squares;
  }
  void Subtract(const Moments& other) {
    count -= other.count;
    sum -= other.sum;
    sum_of_squares -= other.sum_of_squares;
  }
  // In units of scale, around center. NaN if count is 0.
  double mean() const;
  double variance() const;  // divisor n
  bool operator==(const Moments&) const = default;
};

// The sum over one run of consecutive values of a pane.
struct SubSum {
  uint32_t count = 0;
  int64_t sum = 0;             // fixed point, as in Moments
  int64_t sum_of_squares = 0;  // saturates
  bool operator==(const SubSum&) const = default;
};

inline constexpr uint32_t kSubSumsMax = 32;
inline constexpr uint32_t kSubSumValuesMin = 64;

// A pane's values as at most kSubSumsMax consecutive runs, so that sequential evidence keeps its
// resolution inside a pane. Runs break at value ordinals (64, 128, ...), never at a batch, tick or
// commit; once all are full, neighbours are merged and runs become twice as long. The result
// therefore depends on the sequence of values alone.
class SubSums {
 public:
  // Adds values in order, given as one sum over at most `room()` values.
  void Add(uint32_t count, int64_t sum, int64_t sum_of_squares);
  // Number of values that still fit into the current run, at least 1.
  uint32_t room() const;

  std::span<const SubSum> runs() const { return runs_; }
  // Values per full run.
  uint32_t run_values() const { return run_values_; }
  // Keeps the memory.
  void Clear();
  // Bytes on the heap.
  size_t memory_bytes() const { return runs_.capacity() * sizeof(SubSum); }
  // For Decode. Returns false if the runs violate a rule above.
  [[nodiscard]] bool Restore(std::span<const SubSum> runs, uint32_t run_values);
  bool operator==(const SubSums&) const = default;

 private:
  std::vector<SubSum> runs_;  // allocated by the first Add
  uint32_t run_values_ = kSubSumValuesMin;
};

}  // namespace faultline
