#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "detectors/summary/summary.h"

namespace faultline {

// Number of categories that the reference has exactly once: exact for the 256 most frequent
// categories, an upper bound beyond. By Good and Turing, the share of rows with an unseen category
// is about the share of rows whose category occurred once.
double SeenOnce(const Summary& reference);

// The few cells over which evidence about a whole distribution is collected: with more cells, the
// reference's own sampling error would hide small changes. Only rows with a usable value count.
//
// Numbers: neighbouring bins joined to at most ten of about equal reference share, then under and
// over. Categories: the thirteen most frequent of the reference, then the rest of its categories,
// then unseen. If the reference has categories seen only once, more such categories are to be
// expected, and unseen ones count as part of the rest.
class FewCells {
 public:
  static constexpr uint32_t kMax = 16;
  using Counts = std::array<uint64_t, kMax>;

  explicit FewCells(const Summary& reference);

  // Cells in use.
  uint32_t size() const { return size_; }
  // Joins the cells of a summary with the reference's shape; cells beyond size() are 0.
  Counts Join(const Summary& summary) const;
  // The summary's cells [begin, end) joined into a cell; not for the last two.
  uint32_t begin(uint32_t cell) const { return cell == 0 ? 0 : ends_[cell - 1]; }
  uint32_t end(uint32_t cell) const { return ends_[cell]; }

 private:
  uint32_t size_ = 0;
  bool numeric_;
  bool rare_ = false;                  // unseen counts as the rest
  uint32_t joined_ = 0;                // cells of the summary that ends_ covers
  std::array<uint32_t, kMax> ends_{};  // by joined cell: the first cell of the summary beyond it
};

}  // namespace faultline
