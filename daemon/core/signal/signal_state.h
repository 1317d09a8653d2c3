#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "daemon/core/contract/snapshot.h"
#include "daemon/core/reference/reference.h"
#include "daemon/core/reference/rolling_reference.h"
#include "daemon/core/settings/settings.h"
#include "daemon/core/signal/alarm_budget.h"
#include "daemon/core/signal/schema.h"
#include "daemon/core/signal/signal_window.h"
#include "detectors/contract/detector.h"

namespace faultline {

// State of a follow detector on one signal.
struct FollowState {
  std::string_view detector;  // from the catalog
  uint64_t fingerprint = 0;   // of its options
  uint16_t index = 0;         // in ModelSettings::detectors; not stored
  std::vector<std::byte> state;
  Verdict newest;
};

// State for judging one signal, besides its open panes. A signal is counted into panes once it has
// a reference.
struct SignalState {
  bool ignored = false;                              // by the configuration: not counted
  std::shared_ptr<const SignalReference> reference;  // in use; null: waiting or learning
  int64_t counts_from = 0;  // number of the first pane that may count against the reference
  std::unique_ptr<SignalWindow> window;  // null exactly if the reference is
  std::vector<FollowState> follow;
  std::vector<uint16_t> detectors;  // indices in ModelSettings::detectors

  bool judged() const { return reference != nullptr && !ignored; }

  // Puts a reference into use (null: none); window and follow states start again.
  void SetReference(std::shared_ptr<const SignalReference> to, const ModelSettings& settings);
  void ClearWindow();
  // Chooses the detectors that judge it; follow states whose options changed start again. True if a
  // follow state was added, removed or started again.
  bool ChooseDetectors(const SignalFacts& facts, const ModelSettings& settings);
  size_t memory_bytes() const;

 private:
  bool ChooseFollow(const ModelSettings& settings);
};

// Judges a signal by one closed pane: appends the verdict of each detector, in order, and advances
// follow states. `pane`: null if the signal has not counted in it; `rolling`: null if it has no
// quiet panes. Returns how many detectors on the alarm budget began to alarm.
uint32_t JudgeSignal(const ModelSettings& settings, const BudgetDivision& division,
                     const PaneEvidence& evidence, const Summary* pane,
                     const RollingReference* rolling, SignalState* signal,
                     std::vector<DetectorReading>* readings);
// Verdicts of the current window, after a restart; of follow detectors the newest verdicts.
void ReviewSignal(const ModelSettings& settings, const RollingReference* rolling,
                  const SignalState& signal, std::vector<DetectorReading>* readings);

// The published reading of a signal. Its state is the worst verdict of the detectors with a
// threshold; the others cannot alarm and only show their score. `waiting`: why it has no reference
// yet.
SignalReading ReadSignal(const SignalFacts& facts, const ModelSettings& settings,
                         const SignalState& signal, std::string_view waiting,
                         std::vector<DetectorReading> readings);

}  // namespace faultline
