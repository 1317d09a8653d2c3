#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/codec.h"
#include "daemon/core/contract/effects.h"
#include "daemon/core/record/record_set.h"
#include "daemon/core/reference/rolling_reference.h"
#include "daemon/core/settings/limits.h"
#include "daemon/core/stream/panes.h"
#include "daemon/core/stream/signals.h"
#include "faultline/v1/reference.pb.h"

namespace faultline {

// The references of a stream's signals besides those in use (which Signals holds): rolling ones,
// and the previous ones that a rollback restores. Keeps the records of all of them.
//
// Concurrency:  AddQuietPane for several signals at once; nothing else.
class References {
 public:
  // Both must outlive it.
  References(StreamId stream, Signals* signals, Panes* panes);

  void Resize(uint32_t signals) { signals_of_.resize(signals); }

  // Puts a reference into use: panes count against it from now on, and the rolling reference starts
  // again.
  void Take(uint32_t signal, std::shared_ptr<const SignalReference> reference,
            const ModelSettings& settings);
  // Removes the signal's reference.
  void Drop(uint32_t signal, const ModelSettings& settings);

  // Makes the reference in use the one that a rollback restores.
  void KeepPrevious(uint32_t signal);
  // Null if there is none.
  std::shared_ptr<const SignalReference> TakePrevious(uint32_t signal);
  const SignalReference* Previous(uint32_t signal) const {
    return signals_of_[signal].previous.get();
  }
  void DropPrevious(uint32_t signal);

  // Null: the signal has no quiet pane yet.
  const RollingReference* Rolling(uint32_t signal) const {
    return signals_of_[signal].rolling.get();
  }
  // Adds a pane that left the window to the rolling reference, unless an alarm tainted it. Returns
  // the changed slots, for MarkRolling.
  RollingReference::Slots AddQuietPane(uint32_t signal, int64_t number, const Summary& pane,
                                       uint32_t length);
  void MarkRolling(uint32_t signal, RollingReference::Slots slots);
  // Panes up to this number never enter the rolling reference.
  void Taint(uint32_t signal, int64_t through) { signals_of_[signal].tainted_through = through; }
  // Drops quiet panes that turned out to lie after a change.
  void DropRollingSince(uint32_t signal, int64_t time_ns);
  void DropRolling(uint32_t signal);
  // Description of the rolling reference; promotable signals have at least rows_needed rows.
  v1::RollingReference RollingMessage(uint64_t rows_needed) const;

  void Encode(Encoder* out) const;
  // After Resize. *in_use: the version of the reference in use that each signal awaits; 0: none.
  [[nodiscard]] bool Decode(Decoder* in, std::vector<uint32_t> in_use);
  void TakeCheckpoint(Effects* effects);
  void Erase(Effects* effects);
  absl::Status RestoreBlock(const Key& key, std::string_view payload,
                            const ModelSettings& settings);
  absl::Status RestoreRolling(const Key& key, std::string_view payload);
  // DATA_LOSS if a reference is missing. Call it before restoring records that need references.
  absl::Status CheckComplete() const;
  void FinishRestore();
  size_t memory_bytes() const;

 private:
  struct OfSignal {
    std::shared_ptr<const SignalReference> previous;
    std::unique_ptr<RollingReference> rolling;  // of the shape in use
    int64_t tainted_through = -1;
  };
  void Mark(uint32_t signal, uint64_t version) {
    reference_records_.Mark({version, signal / kBlockSignals});
  }
  std::string EncodeBlock(uint64_t version, uint32_t block) const;
  std::string EncodeSlot(uint32_t block, uint32_t slot) const;

  Signals* signals_;
  Panes* panes_;
  std::vector<OfSignal> signals_of_;
  RecordSet reference_records_;  // version, block
  RecordSet rolling_records_;    // block, slot
  // While restoring, by signal: versions still to be restored; 0: none.
  std::vector<uint32_t> awaited_in_use_;
  std::vector<uint32_t> awaited_previous_;
};

}  // namespace faultline
