#include "daemon/core/signal/signal_window.h"

#include <utility>

#include "base/check.h"
#include "base/codec.h"

namespace faultline {

struct SignalWindow::Entry {
  int64_t number;
  bool sent;
  std::string_view bytes;
  size_t next;  // offset of the entry after it

  Summary Decode(const Shape& shape) const {
    absl::StatusOr<Summary> summary = Summary::Decode(&shape, bytes);
    FAULTLINE_CHECK(summary.ok(), "panes in memory are what Add encoded");
    return *std::move(summary);
  }
};

SignalWindow::Entry SignalWindow::EntryAt(size_t offset) const {
  Decoder in(std::string_view(encoded_).substr(offset));
  Entry entry{};
  entry.number = in.Signed();
  entry.sent = in.Fixed8() != 0;
  entry.bytes = in.String();
  FAULTLINE_CHECK(in.ok(), "panes in memory are what Add encoded");
  entry.next = encoded_.size() - in.remaining();
  return entry;
}

void SignalWindow::Add(int64_t number, bool sent, const Summary& pane) {
  NoteExtremes(pane);
  merged_.Merge(pane);
  Summary without_sub_sums(&merged_.shape());
  without_sub_sums.Merge(pane);
  std::string bytes;
  without_sub_sums.Encode(&bytes);
  std::string entry;
  Encoder out(&entry);
  out.Signed(number);
  out.Fixed8(sent ? 1 : 0);
  out.String(bytes);
  // append would take twice the memory.
  std::string grown;
  grown.reserve(encoded_.size() + entry.size());
  grown.append(encoded_).append(entry);
  encoded_ = std::move(grown);
  ++panes_;
  if (sent) ++sent_panes_;
}

bool SignalWindow::AddEncoded(std::string_view encoded) {
  Decoder in(encoded);
  while (in.ok() && in.remaining() > 0) {
    const int64_t number = in.Signed();
    const bool sent = in.Fixed8() != 0;
    const std::string_view bytes = in.String();
    if (!in.ok()) return false;
    const absl::StatusOr<Summary> pane = Summary::Decode(&merged_.shape(), bytes);
    if (!pane.ok()) return false;
    Add(number, sent, *pane);
  }
  return in.Done();
}

void SignalWindow::ForEach(const std::function<void(int64_t number, Summary pane)>& visit) const {
  for (size_t offset = 0; offset < encoded_.size();) {
    const Entry entry = EntryAt(offset);
    visit(entry.number, entry.Decode(merged_.shape()));
    offset = entry.next;
  }
}

// Call before merging the pane.
void SignalWindow::NoteExtremes(const Summary& pane) {
  if (pane.values() == 0) return;
  if (pane.least() <= merged_.least()) {
    least_panes_ = pane.least() < merged_.least() ? 1 : least_panes_ + 1;
  }
  if (pane.largest() >= merged_.largest()) {
    largest_panes_ = pane.largest() > merged_.largest() ? 1 : largest_panes_ + 1;
  }
}

bool SignalWindow::MustMergeAgain(const Summary& leaving) {
  const Shape& shape = merged_.shape();
  if (shape.sketches.quantiles || shape.sketches.distinct) return true;
  if (shape.type == SignalType::kCategorical) return leaving.unseen_top().total() > 0;
  if (leaving.values() == 0) return false;
  if (leaving.least() == merged_.least()) --least_panes_;
  if (leaving.largest() == merged_.largest()) --largest_panes_;
  return least_panes_ == 0 || largest_panes_ == 0;
}

void SignalWindow::DropBefore(int64_t from, const Leaving& leaving_pane) {
  size_t offset = 0;
  bool merge_again = false;
  while (offset < encoded_.size()) {
    const Entry entry = EntryAt(offset);
    if (entry.number >= from) break;
    const Summary leaving = entry.Decode(merged_.shape());
    if (MustMergeAgain(leaving)) merge_again = true;
    merged_.Subtract(leaving);
    --panes_;
    if (entry.sent) --sent_panes_;
    if (entry.sent && leaving_pane != nullptr) leaving_pane(entry.number, leaving);
    offset = entry.next;
  }
  encoded_.erase(0, offset);
  if (merge_again) MergeSketchesAgain();
}

void SignalWindow::MergeSketchesAgain() {
  merged_.ClearSketches();
  for (size_t offset = 0; offset < encoded_.size();) {
    const Entry entry = EntryAt(offset);
    const Summary pane = entry.Decode(merged_.shape());
    NoteExtremes(pane);
    merged_.MergeSketches(pane);
    offset = entry.next;
  }
}

}  // namespace faultline
