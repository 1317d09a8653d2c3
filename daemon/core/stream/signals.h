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

// The signals of a stream: what they are (the schema), and what judging remembers of each: the
// reference in use, the window, the state of follow detectors.
//
// Operation:    signals are added to the schema first (Extend, AddDerived), then get their state.
//               Everything that a detector remembers is stored under its block.
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
  // Those of them that count rows and have no values.
  const std::vector<uint32_t>& row_signals() const { return row_signals_; }

  // Replaces the schema by one that begins with the same signals. Every new signal must then be
  // refreshed.
  void Extend(Schema schema);
  void MakePlan(const EventBatch& batch) { plan_.Make(batch, schema_); }
  // The columns that signals take may have changed.
  void ForgetPlan() { plan_.Forget(); }

  // Chooses the detectors that look at a signal.
  void Refresh(uint32_t signal, bool ignored, const ModelSettings& settings);
  // Takes a reference into use, or none. Panes from `counts_from` on count against it.
  void SetReference(uint32_t signal, std::shared_ptr<const SignalReference> reference,
                    int64_t counts_from, const ModelSettings& settings);
  // What the signal's follow detectors remember has changed.
  void MarkDetectors(uint32_t signal) { detector_records_.Mark({signal / kBlockSignals, 0}); }
  // Finds the judged signals again, after references or ignored signals changed.
  void Recount();
  // The windows begin anew with this pane.
  void ClearWindows();
  void DropPanesBefore(int64_t number);

  // The schema, and of each signal the version of its reference.
  void Encode(Encoder* out) const;
  // False if the bytes are not what Encode wrote. *references: the version that each signal awaits;
  // 0: none.
  [[nodiscard]] bool Decode(Decoder* in, std::vector<uint32_t>* references);
  void Cut(Effects* effects);
  // Detector states are kept until FinishRestore, since references come after them.
  absl::Status RestoreDetectors(uint32_t block, std::string_view payload);
  // A closed pane of the window; those counted against an earlier reference are passed over.
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
