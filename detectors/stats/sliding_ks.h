#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace faultline {

// The exact Kolmogorov-Smirnov distance between a fixed reference and the last `window` values, in
// O(log reference) a value, with ties. Every reference value is a leaf of a tree whose nodes hold
// the sum, the largest and the smallest prefix sum of F - G in steps of 1 / (reference window); a
// value of the window counts on its reference value or in the gap after it.
//
// Operation:    Push values; Steps as soon as the window is full.
// Concurrency:  not thread-safe.
// Limitations:  finite values only; reference times window below 2^31; 12 bytes a node, two nodes a
//               reference value, rounded up to a power of two, and 16 bytes a value of the window.
class SlidingKolmogorovSmirnov {
 public:
  // The reference in any order, not empty; window > 0.
  SlidingKolmogorovSmirnov(std::span<const double> reference, uint32_t window);

  void Push(double value);
  void Push(std::span<const double> values);
  bool full() const { return filled_ == window_; }
  // n m D. 0 until the window is full.
  uint64_t Steps() const;
  // 0 to 1; NaN until the window is full.
  double Distance() const;
  uint64_t reference_values() const { return reference_rows_; }
  uint32_t window() const { return window_; }
  size_t memory_bytes() const;

  // The values of the window, oldest first: the whole state. Push them to restore it.
  std::vector<double> Window() const;

 private:
  struct Node {
    int32_t sum = 0;
    int32_t most = 0;
    int32_t least = 0;
  };

  // Place of a value: 2 i + 1 on the i-th reference value, 2 i + 2 in the gap after it, 0 below
  // all.
  uint32_t Place(double value) const;
  void Add(uint32_t place, int32_t steps);

  uint32_t window_;
  uint64_t reference_rows_;
  std::vector<double> reference_;  // distinct, ascending
  uint32_t leaves_ = 1;            // a power of two
  std::vector<Node> nodes_;        // 1 is the root, leaves_ + i the i-th leaf
  int32_t below_ = 0;              // values below all reference values
  struct Entry {
    double value;
    uint32_t place;
  };
  std::vector<Entry> ring_;
  uint32_t next_ = 0;
  uint32_t filled_ = 0;
};

}  // namespace faultline
