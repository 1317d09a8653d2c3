#pragma once

#include <absl/status/status.h>

#include <array>
#include <cstdint>
#include <map>
#include <string_view>
#include <utility>

#include "base/codec.h"
#include "daemon/core/contract/effects.h"
#include "daemon/core/record/record_set.h"
#include "daemon/core/settings/limits.h"
#include "daemon/core/settings/stream_kind.h"
#include "daemon/core/stream/open_pane.h"
#include "daemon/core/stream/pane_clock.h"
#include "daemon/core/stream/signals.h"
#include "daemon/core/stream/stored_panes.h"

namespace faultline {

// Event times [first, last], in ns, of the panes that windows may hold, by number.
using PaneSpans = std::map<int64_t, std::pair<int64_t, int64_t>>;

// The panes of one stream: those that admit rows, those that windows hold, and those stored.
//
// A closed pane has a number, the count of panes closed before it: dense and never used twice,
// even if the length of panes changes.
//
// Operation:    Admit a row, then close what is Overdue (BeginClose, judge, EndClose), then count.
// Concurrency:  none.
class Panes {
 public:
  explicit Panes(StreamId stream);

  const PaneClock& clock() const { return clock_; }
  // Panes closed so far.
  int64_t closed() const { return closed_; }
  // Number of the oldest pane that windows may hold.
  int64_t window_from() const { return window_from_; }
  // Event time at the end of the newest closed pane; 0: none yet.
  int64_t evaluated_ns() const { return evaluated_ns_; }
  const PaneSpans& spans() const { return spans_; }

  // Whether panes have the kind and length of the settings.
  bool UsesPanesOf(const PaneSettings& settings) const;
  // Changes kind and length of panes to those of the settings; no pane may be open. Windows start
  // again. Rows older than last_event_ns (0: no row yet) are late from then on.
  void Restart(const PaneSettings& settings, int64_t last_event_ns);
  // Sets the maximum number of panes in a window.
  void KeepWindow(uint32_t panes);

  // False if a row of this pane is late.
  bool Admit(int64_t index) { return clock_.Admit(index); }
  // The open pane with this index, started if necessary.
  OpenPane& Open(int64_t index);
  // The slot of the pane with this index, open or not. Panes by rows have one slot.
  const OpenPane& Slot(int64_t index) const;
  bool AnyOpen() const;
  // Index of the newest open pane; -1: no pane is open.
  int64_t newest_open() const;
  // The oldest open pane that admits no more rows; null: there is none.
  OpenPane* Overdue() { return OldestBelow(clock_.floor()); }
  OpenPane* Oldest() { return OldestBelow(INT64_MAX); }
  // Panes up to this one admit no more rows.
  void CloseThrough(int64_t index) { clock_.CloseThrough(index); }

  // Completes the pane's times, stores it, and moves windows on. Its number is closed() - 1.
  void BeginClose(OpenPane* pane, uint32_t signals, uint32_t window_panes, Effects* effects);
  // After judging: frees the slot and forgets spans that windows no longer hold.
  void EndClose(OpenPane* pane);
  // Deletes stored panes beyond the limits of age and size; those that windows may hold stay.
  void Retain(int64_t age_max_ns, uint64_t bytes_max, Effects* effects);

  // Forgets what a signal counted in open panes.
  void Drop(uint32_t signal);
  // The stored form of open panes changed with the number of signals.
  void MarkOpen();

  void Encode(Encoder* out) const;
  [[nodiscard]] bool Decode(Decoder* in);
  void TakeCheckpoint(uint32_t signals, Effects* effects);
  void Erase(Effects* effects);
  // A block of an open pane; references must be there.
  absl::Status RestoreOpen(const Key& key, std::string_view payload, const Signals& signals);
  // Registers a stored block of a closed pane; *in_window: whether windows may hold it.
  absl::Status RestoreClosed(const Key& key, std::string_view payload, size_t stored_bytes,
                             bool* in_window);
  void FinishRestore();

  size_t memory_bytes() const;

 private:
  enum : uint8_t { kSlots = kOpenPanesMax };
  OpenPane* OldestBelow(int64_t floor);
  OpenPane& SlotOf(int64_t index) { return open_[clock_.by_time() ? index & 1 : 0]; }

  StreamId stream_;
  PaneClock clock_;
  std::array<OpenPane, kSlots> open_;
  std::array<uint32_t, kSlots> open_stored_{};  // blocks of each slot
  int64_t closed_ = 0;
  int64_t window_from_ = 0;
  int64_t evaluated_ns_ = 0;
  PaneSpans spans_;
  StoredPanes stored_;
};

}  // namespace faultline
