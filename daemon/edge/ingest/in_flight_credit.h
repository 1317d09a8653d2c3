#pragma once

#include <cstdint>

namespace faultline {

// The batches of one stream that are submitted and not yet committed, and how many there may be.
//
// Concurrency:  not thread-safe.
class InFlightCredit {
 public:
  // However small the batches are.
  static constexpr uint32_t kBatchesMax = 16'384;

  explicit InFlightCredit(uint64_t bytes_max) : bytes_max_(bytes_max) {}

  void Take(uint64_t bytes) {
    ++batches_;
    bytes_ += bytes;
  }
  // Each batch that was taken once, with the same size.
  void Return(uint64_t bytes) {
    --batches_;
    bytes_ -= bytes;
  }

  bool unused() const { return batches_ == 0; }
  // The last batch may exceed bytes_max, so that each batch passes sooner or later.
  bool exhausted() const { return batches_ >= kBatchesMax || bytes_ >= bytes_max_; }

 private:
  const uint64_t bytes_max_;
  uint32_t batches_ = 0;
  uint64_t bytes_ = 0;
};

}  // namespace faultline
