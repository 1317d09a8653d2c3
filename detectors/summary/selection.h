#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <span>

#include "base/check.h"

namespace faultline {

// Rows of a column: a contiguous range.
struct RowRange {
  uint32_t begin = 0;
  uint32_t end = 0;

  uint32_t size() const { return end - begin; }
};

// A selection says which rows of a range are counted: EveryRow or SelectedRows. Counting selected
// rows gives the same bytes as counting a column that has only these rows: all that depends on
// ordinals (where sub-sums break, what sketches keep) goes by the ordinals of selected rows.
//
// The representation is one bitmap over the rows of the batch, laid out like `nulls`. It serves a
// slice (slices overlap, which a column of group ids cannot express), one group of a partition and
// one version among several alike. A selection ends where counting ends: panes, windows and
// detectors get a summary, and take that of a slice like any other.
//
// Which of the two it is, is part of the type: counting every row costs nothing for the choice.

// Selects every row. Empty, so passing it costs nothing.
struct EveryRow {
  static uint32_t CountIn(RowRange range) { return range.size(); }
};

// Selects the rows whose bit is set.
class SelectedRows {
 public:
  // One bit per row of the batch; must outlive the selection.
  explicit SelectedRows(std::span<const uint64_t> bits) : bits_(bits) {}

  // How many rows of the range are selected.
  uint32_t CountIn(RowRange range) const {
    uint32_t count = 0;
    ForEachWord(range, [&](uint32_t, uint64_t word) {
      count += static_cast<uint32_t>(std::popcount(word));
    });
    return count;
  }

  // Calls visit(row) for each selected row of the range, in order.
  template <typename Visit>
  void ForEach(RowRange range, const Visit& visit) const {
    ForEachWord(range, [&](uint32_t first, uint64_t word) {
      for (; word != 0; word &= word - 1) {
        visit(first + static_cast<uint32_t>(std::countr_zero(word)));
      }
    });
  }

 private:
  // Calls visit(first, word) for each word that the range touches: bit i is row first + i, and bits
  // outside the range are 0.
  template <typename Visit>
  void ForEachWord(RowRange range, const Visit& visit) const {
    FAULTLINE_CHECK(range.end <= 64 * bits_.size(), "a selection has a bit for each row");
    for (uint32_t row = range.begin; row < range.end;) {
      const uint32_t first = row / 64 * 64;
      const uint32_t end = std::min(first + 64, range.end);
      const uint64_t below = ~uint64_t{0} >> (64 - (end - first));
      visit(first, bits_[first / 64] & below & ~uint64_t{0} << (row - first));
      row = end;
    }
  }

  std::span<const uint64_t> bits_;
};

}  // namespace faultline
