#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/codec.h"

namespace faultline {

// Estimates the number of distinct values of a stream: HyperLogLog (Flajolet et al. 2007) with 4096
// registers over 64-bit hashes and the estimator of Ertl, "New cardinality estimation algorithms
// for HyperLogLog sketches" (2017). Standard error 1.04 / sqrt(4096) = 1.6 %; nearly exact when
// few. Registers are kept sparse while few are set. The contents depend on the set of hashes alone.
//
// Operation:    Add hashes, Merge panes, Estimate.
// Concurrency:  not thread-safe.
// Limitations:  cannot remove a value.
class DistinctSketch {
 public:
  static constexpr uint32_t kRegisters = 4096;

  void Add(uint64_t hash);
  void Merge(const DistinctSketch& other);
  void Clear();

  double Estimate() const;

  void Encode(Encoder& encoder) const;
  // Returns false and leaves the sketch empty if the bytes are not a sketch.
  [[nodiscard]] bool Decode(Decoder& decoder);
  size_t memory_bytes() const;

 private:
  void Raise(uint32_t index, uint8_t rank);
  uint32_t set_registers() const;
  bool DecodeSparse(Decoder& decoder, uint64_t count);

  // index << 8 | rank, ascending, while dense_ is empty.
  std::vector<uint32_t> sparse_;
  std::vector<uint8_t> dense_;
};

}  // namespace faultline
