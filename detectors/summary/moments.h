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

// Exact sums of fixed-point values: order never matters, and sums can be subtracted.
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
  int64_t sum_of_squares = 0;  // stays at its maximum once reached
  bool operator==(const SubSum&) const = default;
};

inline constexpr uint32_t kSubSumsMax = 32;
inline constexpr uint32_t kSubSumValuesMin = 64;

// A pane's values as at most kSubSumsMax consecutive runs, so that sequential evidence keeps its
// resolution inside a pane. Runs break at value ordinals (64, 128, ...), never at a batch, tick or
// commit; once all are full, neighbours are joined and runs get twice as long. So the result
// depends on the values in order and on nothing else.
class SubSums {
 public:
  // Adds values in order, given as one sum over at most `room()` values.
  void Add(uint32_t count, int64_t sum, int64_t sum_of_squares);
  // How many values still fit into the run that is being filled, at least 1.
  uint32_t room() const;

  std::span<const SubSum> runs() const { return runs_; }
  // Values per full run.
  uint32_t run_values() const { return run_values_; }
  // Keeps the memory.
  void Clear();
  // Bytes on the heap.
  size_t memory_bytes() const { return runs_.capacity() * sizeof(SubSum); }
  // Used by Decode only; false if the runs break a rule above.
  [[nodiscard]] bool Restore(std::span<const SubSum> runs, uint32_t run_values);
  bool operator==(const SubSums&) const = default;

 private:
  std::vector<SubSum> runs_;  // takes memory only where values were added
  uint32_t run_values_ = kSubSumValuesMin;
};

}  // namespace faultline
