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

// What a follow detector remembers of one signal.
struct FollowState {
  std::string_view detector;  // from the catalog
  uint64_t fingerprint = 0;   // of its options
  uint16_t index = 0;         // in ModelSettings::detectors; not stored
  std::vector<std::byte> state;
  Verdict newest;
};

// What judging knows of one signal beside its open panes. A signal that has a reference is counted
// into panes.
struct SignalState {
  bool ignored = false;                              // by the configuration: not counted
  std::shared_ptr<const SignalReference> reference;  // in use; null: it waits or learns
  int64_t counts_from = 0;  // number of the first pane that may count against the reference
  std::unique_ptr<SignalWindow> window;  // there exactly if the reference is
  std::vector<FollowState> follow;
  std::vector<uint16_t> detectors;  // indices in ModelSettings::detectors

  bool judged() const { return reference != nullptr && !ignored; }

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
// states move on. `pane`: null if the signal has not counted in it; `rolling`: null if it has no
// quiet panes. Returns how many detectors on the alarm budget began to alarm.
uint32_t JudgeSignal(const ModelSettings& settings, const BudgetDivision& division,
                     const PaneEvidence& evidence, const Summary* pane,
                     const RollingReference* rolling, SignalState* signal,
                     std::vector<DetectorReading>* readings);
// The verdicts of the window as it is: after a restart. Follow verdicts are the newest ones.
void ReviewSignal(const ModelSettings& settings, const RollingReference* rolling,
                  const SignalState& signal, std::vector<DetectorReading>* readings);

// What is shown of a signal: the worst of what the detectors with a threshold say; the others can
// never alarm and only show their score. Takes the readings of JudgeSignal or ReviewSignal over.
// `waiting`: why it has no reference yet.
SignalReading ReadSignal(const SignalFacts& facts, const ModelSettings& settings,
                         const SignalState& signal, std::string_view waiting,
                         std::vector<DetectorReading> readings);

}  // namespace faultline
