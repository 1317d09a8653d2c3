#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/codec.h"

namespace faultline {

// Quantiles of a stream from a few retained values (3 kB for a million): a deterministic KLL sketch
// (Karnin, Lang, Liberty: "Optimal quantile approximation in streams", FOCS 2016). When the sketch
// is full, the lowest level over its capacity is sorted and every second value moves up with twice
// the weight; even and odd positions alternate per level, where the paper tosses a coin. The same
// values and merges in the same order give the same bytes.
//
// Error: rank_error_bound() is the guaranteed worst case. Observed errors are far smaller: below
// 2 % of the count on sorted, reversed, random, alternating and tied streams of up to a million
// values (tested).
//
// Operation:    Add values, Merge panes, ask for quantiles.
// Concurrency:  not thread-safe.
// Limitations:  finite values only; 2^47 values.
class QuantileSketch {
 public:
  static constexpr uint32_t kItemsMax = 720;
  static constexpr uint32_t kLevelsMax = 48;

  void Add(double value);
  void Merge(const QuantileSketch& other);
  void Clear();

  uint64_t count() const { return count_; }
  // The value at rank q * count, q clamped to 0..1. NaN without values.
  double Quantile(double q) const;
  // Share of values <= value. NaN without values.
  double Rank(double value) const;
  // Upper bound on the error of any rank, in values out of count.
  uint64_t rank_error_bound() const { return error_bound_; }

  void Encode(Encoder& encoder) const;
  // Returns false and leaves the sketch empty if the bytes are not a sketch.
  [[nodiscard]] bool Decode(Decoder& decoder);
  size_t memory_bytes() const;

 private:
  // Values of weight 2^level, in any order.
  struct Level {
    std::vector<double> values;
    bool keep_odd = false;
  };

  // Capacity of a level: a third less per level below the top, down to a minimum.
  uint32_t Capacity(size_t level) const;
  uint32_t Room() const;
  uint32_t Kept() const;
  void Compress();
  void Compact(size_t level);
  bool DecodeLevels(Decoder& decoder);
  std::vector<std::pair<double, uint64_t>> Weighted() const;

  std::vector<Level> levels_;
  // Values that still fit before the next Compress: Room() - Kept() as of the last one.
  uint32_t free_ = 0;
  uint64_t count_ = 0;
  uint64_t error_bound_ = 0;
};

}  // namespace faultline
