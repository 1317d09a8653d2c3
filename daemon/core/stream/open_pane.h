#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/codec.h"
#include "daemon/core/reference/reference.h"
#include "daemon/core/settings/limits.h"
#include "detectors/summary/summary.h"

namespace faultline {

// Data of a pane besides its summaries.
struct PaneHeader {
  int64_t index = 0;     // PaneClock's
  uint64_t rows = 0;     // counted by at least one signal
  int64_t first_ns = 0;  // least event time of its rows; of a closed pane by time: its begin
  int64_t last_ns = 0;   // greatest event time of its rows; of a closed pane by time: its end

  void Encode(Encoder* out) const;
  bool Decode(Decoder* in);
};

// Number of keys of a pane with this many signals.
inline uint32_t BlocksOf(uint32_t signals) { return (signals + kBlockSignals - 1) / kBlockSignals; }

// A pane's entry for one signal, as stored.
struct PaneEntry {
  uint32_t signal = 0;
  uint32_t reference_version = 0;
  bool sent = false;
  std::string_view summary;
};

// Reads a block of a pane: signals [block * kBlockSignals, + kBlockSignals). The entries point into
// the payload. False if the payload is no block. See docs/formats/pane.md.
bool DecodePaneBlock(std::string_view payload, uint32_t block, PaneHeader* header,
                     std::vector<PaneEntry>* entries);

// A pane that counts rows: a header and one summary per signal that has counted. Its summaries
// keep their memory from pane to pane.
//
// Operation:    Start, then SummaryOf and MarkSent per run of rows and AddRows once per run, then
//               Stop.
// Concurrency:  none.
class OpenPane {
 public:
  bool started() const { return started_; }
  // Changed since ClearDirty.
  bool dirty() const { return dirty_; }
  void MarkDirty() { dirty_ = true; }
  void ClearDirty() { dirty_ = false; }
  PaneHeader& header() { return header_; }
  const PaneHeader& header() const { return header_; }

  void Start(int64_t index);
  void Stop() { started_ = false; }
  void AddRows(uint64_t rows, int64_t first_ns, int64_t last_ns);

  // The summary of a signal, made if this pane has none yet.
  Summary& SummaryOf(uint32_t signal, const SignalReference& reference);
  void MarkSent(uint32_t signal) { slots_[signal].sent = true; }
  // Null if the signal has not counted in this pane.
  const Summary* Find(uint32_t signal) const;
  bool Sent(uint32_t signal) const { return signal < slots_.size() && slots_[signal].sent; }
  // Drops what a signal counted, because its reference is replaced.
  void Drop(uint32_t signal);

  // Signals [block * kBlockSignals, + kBlockSignals) of `signals`.
  void EncodeBlock(uint32_t block, uint32_t signals, Encoder* out) const;
  // Takes what EncodeBlock wrote. DATA_LOSS if it is not a summary of the reference.
  absl::Status Restore(const PaneHeader& header);
  absl::Status RestoreEntry(const PaneEntry& entry, const SignalReference& reference);

  size_t memory_bytes() const;

 private:
  struct Slot {
    std::unique_ptr<Summary> summary;
    bool counts = false;  // in this pane
    bool sent = false;
  };
  Slot& SlotOf(uint32_t signal);

  bool started_ = false;
  bool dirty_ = false;
  PaneHeader header_;
  std::vector<Slot> slots_;  // by signal
};

}  // namespace faultline
