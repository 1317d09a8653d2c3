#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "daemon/core/contract/snapshot.h"
#include "daemon/core/reference/learning.h"
#include "daemon/core/reference/reference.h"
#include "daemon/core/reference/rolling_reference.h"
#include "daemon/core/settings/settings.h"
#include "daemon/core/signal/alarm_budget.h"
#include "daemon/core/signal/schema.h"
#include "daemon/core/signal/signal_window.h"
#include "detectors/contract/detector.h"

namespace faultline {

// What a follow detector remembers of one signal.
struct FollowState {
  std::string_view detector;  // from the catalog
  uint64_t fingerprint = 0;   // of its options
  uint16_t index = 0;         // in ModelSettings::detectors; not stored
  std::vector<std::byte> state;
  Verdict newest;
};

// What a model knows of one signal beside its open panes. A signal either waits for its reference
// (no reference, no learning), learns it, or has it and is counted into panes.
struct SignalState {
  bool ignored = false;         // by the configuration: not counted
  bool memory_refused = false;  // it waits because the memory for references is used up
  std::shared_ptr<const SignalReference> reference;
  std::shared_ptr<const SignalReference> previous;  // that a rollback brings back, or null
  std::unique_ptr<RollingReference> rolling;        // of the reference's shape; null: no panes yet
  int64_t counts_from = 0;       // number of the first pane that may count against the reference
  int64_t tainted_through = -1;  // panes up to this number never enter the rolling reference
  std::unique_ptr<LearningRows> learning;
  uint32_t learn_rows = 0;               // rows it learns from; fixed when it begins
  std::unique_ptr<SignalWindow> window;  // there exactly if the reference is
  std::vector<FollowState> follow;
  std::vector<uint16_t> detectors;  // indices in ModelSettings::detectors

  bool judged() const { return reference != nullptr && !ignored; }
  bool learns() const { return learning != nullptr; }
  uint32_t rows_to_learn() const { return learn_rows - learning->rows(); }
  // Bytes of the limit on reference rows that it takes while it learns.
  uint64_t learning_bytes() const;

  // Takes a reference into use, or none; window and follow states begin anew.
  void SetReference(std::shared_ptr<const SignalReference> to, const ModelSettings& settings);
  void ClearWindow();
  // Chooses the detectors that look at it; follow states whose options changed begin anew.
  // True if a follow state came, went or began anew.
  bool ChooseDetectors(const SignalFacts& facts, const ModelSettings& settings);
  size_t memory_bytes() const;

 private:
  bool ChooseFollow(const ModelSettings& settings);
};

// What one closed pane makes of a signal: the verdict of each of its detectors, in order. Follow
// states move on. `pane`: null if the signal has not counted in it. Returns how many detectors on
// the alarm budget began to alarm.
uint32_t JudgeSignal(const ModelSettings& settings, const BudgetDivision& division,
                     const PaneEvidence& evidence, const Summary* pane, SignalState* signal,
                     std::vector<DetectorReading>* readings);
// The verdicts of the window as it is: after a restart. Follow verdicts are the newest ones.
void ReviewSignal(const ModelSettings& settings, const SignalState& signal,
                  std::vector<DetectorReading>* readings);

// What is shown of a signal: the worst of what the detectors with a threshold say; the others can
// never alarm and only show their score. Takes the readings of JudgeSignal or ReviewSignal over.
SignalReading ReadSignal(const SignalFacts& facts, const ModelSettings& settings,
                         const SignalState& signal, std::vector<DetectorReading> readings);

}  // namespace faultline
