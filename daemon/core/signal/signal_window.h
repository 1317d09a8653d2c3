#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "detectors/summary/summary.h"

namespace faultline {

// The last closed panes of one signal, and their merged summary. Panes are kept encoded, without
// sub-sums, in a tenth of the memory of summaries. Parts that cannot be subtracted are merged again
// only when a pane that affects them leaves.
//
// Operation:    Add each closed pane, oldest first, then DropBefore.
// Concurrency:  none. The merged summary depends only on the panes in the window.
class SignalWindow {
 public:
  // All panes must be of this shape, which must outlive the window.
  explicit SignalWindow(const Shape* shape) : merged_(shape) {}

  // `number`: of the pane; ascending. `sent`: whether any of its rows had this column.
  void Add(int64_t number, bool sent, const Summary& pane);
  // Drops panes with a number below `from`, oldest first; calls `leaving` for those that were sent.
  using Leaving = std::function<void(int64_t number, const Summary& pane)>;
  void DropBefore(int64_t from, const Leaving& leaving = nullptr);

  // The panes of the window, encoded for AddEncoded on a window of the same shape.
  const std::string& encoded() const { return encoded_; }
  // Adds encoded panes. False if they are damaged or of another shape; some may then have been
  // added.
  bool AddEncoded(std::string_view encoded);

  // Visits each pane, oldest first.
  void ForEach(const std::function<void(int64_t number, Summary pane)>& visit) const;

  const Summary& merged() const { return merged_; }
  uint32_t panes() const { return panes_; }
  uint32_t sent_panes() const { return sent_panes_; }
  size_t memory_bytes() const {
    return sizeof *this - sizeof merged_ + merged_.memory_bytes() + encoded_.capacity();
  }

 private:
  struct Entry;
  Entry EntryAt(size_t offset) const;
  void NoteExtremes(const Summary& pane);
  bool MustMergeAgain(const Summary& leaving);
  void MergeSketchesAgain();

  Summary merged_;
  std::string encoded_;  // one after the other: number, sent, summary
  uint32_t panes_ = 0;
  uint32_t sent_panes_ = 0;
  // Panes whose least or largest value equals the window's. Ties are common, and cost nothing until
  // the last of them leaves.
  uint32_t least_panes_ = 0;
  uint32_t largest_panes_ = 0;
};

}  // namespace faultline
