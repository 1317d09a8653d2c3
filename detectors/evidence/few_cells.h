#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "detectors/summary/summary.h"

namespace faultline {

// Good and Turing: the share of rows with a category that was not seen is about that of those seen
// once. Their number: exact for the 256 most frequent ones, an upper limit beyond.
double SeenOnce(const Summary& reference);

// The few cells that evidence about a whole distribution is taken over: with more, the reference's
// own sampling error would hide small changes. Only rows with a usable value take part.
//
// Numbers: neighbouring bins joined to at most ten of about equal reference share, then under,
// over. Categories: the thirteen most frequent of the reference, then the rest of its categories,
// then unseen; where the reference has categories seen once, there are more of their like to come,
// and unseen ones count to the rest.
class FewCells {
 public:
  static constexpr uint32_t kMax = 16;
  using Counts = std::array<uint64_t, kMax>;

  explicit FewCells(const Summary& reference);

  // Cells in use.
  uint32_t size() const { return size_; }
  // Joins the cells of a summary of the reference's shape; cells beyond size() are 0.
  Counts Join(const Summary& summary) const;
  // The summary's cells [begin, end) that a cell but the last two joins.
  uint32_t begin(uint32_t cell) const { return cell == 0 ? 0 : ends_[cell - 1]; }
  uint32_t end(uint32_t cell) const { return ends_[cell]; }

 private:
  uint32_t size_ = 0;
  bool numeric_;
  bool rare_ = false;                  // unseen counts to the rest
  uint32_t joined_ = 0;                // cells of the summary that are joined as ends_ says
  std::array<uint32_t, kMax> ends_{};  // of the joined cells: first cell of the summary beyond it
};

}  // namespace faultline
