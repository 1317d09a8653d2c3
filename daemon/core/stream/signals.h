#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/codec.h"
#include "daemon/core/record/record_set.h"
#include "daemon/core/settings/limits.h"
#include "daemon/core/signal/schema.h"
#include "daemon/core/signal/signal_state.h"

namespace faultline {

// The signals of a stream: the schema, and for each signal the reference in use, the window, and
// the state of follow detectors.
//
// Operation:    signals are added to the schema first (Extend, AddDerived), then get their state.
//               Detector state is stored per block of signals.
// Concurrency:  JudgeSignal on at(i) may run for several signals at once; nothing else.
class Signals {
 public:
  explicit Signals(StreamId stream);

  uint32_t size() const { return static_cast<uint32_t>(states_.size()); }
  const Schema& schema() const { return schema_; }
  const SignalFacts& facts(uint32_t signal) const { return schema_[signal]; }
  const SignalState& operator[](uint32_t signal) const { return states_[signal]; }
  SignalState& at(uint32_t signal) { return states_[signal]; }
  std::span<const SignalState> states() const { return states_; }
  const ColumnPlan& plan() const { return plan_; }
  // How many signals have a reference and are not ignored.
  uint32_t judged() const { return judged_; }
  // Those of them that only count rows.
  const std::vector<uint32_t>& row_signals() const { return row_signals_; }

  // Replaces the schema by one that begins with the same signals. Every new signal must then be
  // refreshed.
  void Extend(Schema schema);
  void MakePlan(const EventBatch& batch) { plan_.Make(batch, schema_); }
  // The columns that signals take may have changed.
  void ForgetPlan() { plan_.Forget(); }

  // Chooses the detectors that look at a signal.
  void Refresh(uint32_t signal, bool ignored, const ModelSettings& settings);
  // Puts a reference into use (null: none). Panes from `counts_from` on count against it.
  void SetReference(uint32_t signal, std::shared_ptr<const SignalReference> reference,
                    int64_t counts_from, const ModelSettings& settings);
  // The state of the signal's follow detectors has changed.
  void MarkDetectors(uint32_t signal) { detector_records_.Mark({signal / kBlockSignals, 0}); }
  // Recounts the judged signals, after references or ignored signals changed.
  void Recount();
  // Empties all windows.
  void ClearWindows();
  void DropPanesBefore(int64_t number);

  // The schema, and for each signal the version of its reference.
  void Encode(Encoder* out) const;
  // False if the bytes are not what Encode wrote. *references: the version that each signal awaits;
  // 0: none.
  [[nodiscard]] bool Decode(Decoder* in, std::vector<uint32_t>* references);
  void TakeCheckpoint(Effects* effects);
  // Detector states are kept until FinishRestore, since references come after them.
  absl::Status RestoreDetectors(uint32_t block, std::string_view payload);
  // Restores a closed pane of the window; skips panes counted against an earlier reference.
  absl::Status RestorePane(int64_t number, uint32_t block, std::string_view payload);
  void FinishRestore();
  void Erase(Effects* effects) { detector_records_.EraseAll(effects); }

  size_t memory_bytes() const;

 private:
  std::string EncodeDetectors(uint32_t block) const;

  Schema schema_;
  ColumnPlan plan_;
  std::vector<SignalState> states_;
  uint32_t judged_ = 0;
  std::vector<uint32_t> row_signals_;
  RecordSet detector_records_;
  std::map<uint32_t, std::vector<FollowState>> restored_follow_;
};

}  // namespace faultline
