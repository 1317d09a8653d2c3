#pragma once

#include <cstdint>

#include "base/codec.h"

namespace faultline {

// Assigns rows to panes, and decides which panes may still be open.
//
// Panes by event time are [begin, end) spans of one length, numbered from 1970 on; each model's
// boundaries are shifted by its hash, so that models do not close at the same time. The newest
// row's pane and `late_panes` panes before it may be open; older rows are late. Panes by rows are
// numbered in order of closing; exactly one is open, and nothing is late.
//
// Concurrency:  none.
// Limitations:  event times from kEventTimeMinNs to kEventTimeMaxNs.
class PaneClock {
 public:
  explicit PaneClock(uint64_t model_hash) : model_hash_(model_hash) {}

  // Changes the kind or length of panes; no pane may be open. Rows older than last_event_ns (0: no
  // row yet) are late from then on. length_ns 0: panes by rows.
  void Start(int64_t length_ns, uint32_t pane_rows, uint32_t late_panes, int64_t last_event_ns);

  bool by_time() const { return length_ns_ > 0; }
  int64_t length_ns() const { return length_ns_; }
  uint32_t pane_rows() const { return pane_rows_; }
  uint32_t late_panes() const { return late_panes_; }

  // The pane that a row with this event time belongs to.
  int64_t IndexOf(int64_t time_ns) const {
    return by_time() ? (time_ns - offset_ns()) / length_ns_ : floor_;
  }
  // Event times of a pane by time.
  int64_t BeginOf(int64_t index) const { return offset_ns() + index * length_ns_; }
  int64_t EndOf(int64_t index) const { return BeginOf(index + 1); }

  // The oldest pane that may be open. Panes below it must be closed.
  int64_t floor() const { return floor_; }
  // Admits a row of this pane and raises the floor to late_panes before it. False if the row is
  // late.
  bool Admit(int64_t index);
  // Raises the floor above a pane that was closed.
  void CloseThrough(int64_t index);

  void Encode(Encoder* out) const;
  bool Decode(Decoder* in);

 private:
  int64_t offset_ns() const {
    return static_cast<int64_t>(model_hash_ % static_cast<uint64_t>(length_ns_));
  }

  uint64_t model_hash_;
  int64_t length_ns_ = 0;
  uint32_t pane_rows_ = 0;
  uint32_t late_panes_ = 1;
  int64_t floor_ = 0;
};

}  // namespace faultline
