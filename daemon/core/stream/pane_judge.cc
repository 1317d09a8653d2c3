#include "daemon/core/stream/pane_judge.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace faultline {
namespace {

constexpr uint32_t kSignalsForHelp = 16;  // tens of microseconds each
constexpr uint32_t kSignalsOfPart = 4;
// Results wait in memory until the whole group is judged.
constexpr uint32_t kJudgedTogether = 256;
// Maximum number of silent panes per tick; after a pause of the machine the rest follows later.
constexpr int kSilentPanesPerTick = 64;

}  // namespace

void PaneJudge::CloseOverdue(int64_t now_ns, Effects* effects) {
  while (OpenPane* pane = stream_.panes.Overdue()) Close(pane, now_ns, effects);
}

void PaneJudge::CloseAll(int64_t now_ns, Effects* effects) {
  while (OpenPane* pane = stream_.panes.Oldest()) Close(pane, now_ns, effects);
}

void PaneJudge::Close(OpenPane* pane, int64_t now_ns, Effects* effects) {
  Panes& panes = stream_.panes;
  const int64_t evaluated_before_ns = panes.evaluated_ns();
  panes.BeginClose(pane, stream_.signals.size(), stream_.settings.window_panes, effects);
  const PaneIncrement increment = IncrementOf(pane->header(), evaluated_before_ns);
  ++stream_.totals.panes_closed;
  stream_.row_losses.ClosePane();
  std::vector<AlertTransition> transitions;
  stream_.host.BeginPane();
  Judge(*pane, increment, &transitions, effects);
  panes.EndClose(pane);
  stream_.host.TakePane({.stream = stream_.id.ordinal,
                         .pane = *pane,
                         .number = panes.closed() - 1,
                         .increment = increment,
                         .readings = stream_.shown.last()->signals,
                         .transitions = transitions},
                        now_ns, effects);
  const Settings& settings = *stream_.model.shard->settings;
  panes.Retain(settings.retention.panes_age_ns, settings.retention.panes_bytes, effects);
  stream_.changed = true;
}

// Time since the previous pane, or its rows. Time without rows adds nothing to the budget.
PaneIncrement PaneJudge::IncrementOf(const PaneHeader& pane, int64_t evaluated_before_ns) const {
  int64_t begin_ns = pane.first_ns;
  if (!stream_.panes.clock().by_time() && evaluated_before_ns > 0) {
    begin_ns = std::min(evaluated_before_ns, pane.last_ns);
  }
  return {.begin_ns = begin_ns,
          .end_ns = pane.last_ns,
          .rows = pane.rows,
          .ordinal = stream_.model.budget_ordinal,
          .shards = stream_.model.shard->settings->shards,
          .division = stream_.host.DivideBudget(stream_.id.ordinal)};
}

// Other threads may judge each signal alone; shared state (alerts, history) follows in the order of
// signals.
void PaneJudge::Judge(const OpenPane& pane, const PaneIncrement& increment,
                      std::vector<AlertTransition>* transitions, Effects* effects) {
  const PaneEvidence evidence = EvidenceOf(stream_.model.settings->budget, increment);
  if (stream_.signals.judged() > 0) {
    stream_.totals.mean_false_alarms_max +=
        evidence.increment / evidence.threshold * increment.division.portion();
  }
  auto shown = std::make_shared<ModelSignals>();
  const uint32_t signals = stream_.signals.size();
  shown->signals.reserve(signals);
  std::vector<Alone> judged(std::min(signals, kJudgedTogether));
  Parallel* helpers = stream_.model.shard->helpers;
  for (uint32_t from = 0; from < signals; from += kJudgedTogether) {
    const uint32_t end = std::min(signals, from + kJudgedTogether);
    const auto alone = [&](size_t i) {
      JudgeAlone(from + static_cast<uint32_t>(i), pane, increment, evidence, &judged[i]);
    };
    if (helpers != nullptr && end - from >= kSignalsForHelp) {
      helpers->ForEach(end - from, kSignalsOfPart, alone);
    } else {
      for (size_t i = 0; i < end - from; ++i) alone(i);
    }
    for (uint32_t signal = from; signal < end; ++signal) {
      TakeAlone(signal, pane.header(), &judged[signal - from], transitions);
      shown->signals.push_back(std::move(judged[signal - from].reading));
      stream_.history.Add(signal, shown->signals.back(), pane.header().last_ns, effects);
    }
  }
  stream_.shown.Show(stream_, std::move(shown));
}

void PaneJudge::JudgeAlone(uint32_t signal, const OpenPane& pane, const PaneIncrement& increment,
                           const PaneEvidence& evidence, Alone* alone) {
  SignalState& state = stream_.signals.at(signal);
  const ModelSettings& settings = *stream_.model.settings;
  alone->moved = state.window == nullptr ? 0 : MoveWindow(signal, pane);
  alone->before.assign(state.follow.begin(), state.follow.end());
  std::vector<DetectorReading> readings;
  alone->alarms = JudgeSignal(settings, increment.division, evidence, pane.Find(signal),
                              stream_.references.Rolling(signal), &state, &readings);
  alone->reading = ReadSignal(stream_.signals.facts(signal), settings, state,
                              WhyWaiting(stream_, signal), std::move(readings));
}

// A pane enters the rolling reference when it leaves the window, so that an alarm that takes
// several panes still keeps its panes out. Returns the changed slots.
RollingReference::Slots PaneJudge::MoveWindow(uint32_t signal, const OpenPane& pane) {
  SignalWindow& window = *stream_.signals.at(signal).window;
  RollingReference::Slots moved = 0;
  const Summary* summary = pane.Find(signal);
  if (summary != nullptr) window.Add(stream_.panes.closed() - 1, pane.Sent(signal), *summary);
  window.DropBefore(stream_.panes.window_from(), [&](int64_t number, const Summary& quiet) {
    moved |= stream_.references.AddQuietPane(signal, number, quiet, stream_.settings.rolling_panes);
  });
  return moved;
}

void PaneJudge::TakeAlone(uint32_t signal, const PaneHeader& pane, Alone* alone,
                          std::vector<AlertTransition>* transitions) {
  const SignalState& state = stream_.signals[signal];
  ModelShare& model = stream_.model;
  std::vector<DetectorReading>& readings = alone->reading.readings;
  stream_.references.MarkRolling(signal, alone->moved);
  stream_.totals.budget_alarms += alone->alarms;
  stream_.totals.verdicts += readings.size();
  const size_t transitions_before = transitions->size();
  model.alerts.Judge(stream_.signals.facts(signal).name, *model.settings,
                     model.decisions.silenced(), state.detectors, pane.first_ns, pane.last_ns,
                     &readings, transitions);
  stream_.host.TakeSignal(stream_.id.ordinal,
                          {.signal = signal,
                           .alerts_moved = transitions->size() > transitions_before,
                           .before = &alone->before});
  NoteAlarms(signal, readings);
  if (!state.follow.empty()) stream_.signals.MarkDetectors(signal);
}

// An alarm keeps all panes of the window out of the rolling reference, and removes panes after its
// change. Disagreement of the two references is exempt: a promotion is the answer to it.
void PaneJudge::NoteAlarms(uint32_t signal, const std::vector<DetectorReading>& readings) {
  const std::vector<uint16_t>& detectors = stream_.signals[signal].detectors;
  for (size_t i = 0; i < readings.size(); ++i) {
    const DetectorSettings& detector = stream_.model.settings->detectors[detectors[i]];
    const Verdict& verdict = readings[i].verdict;
    const bool alarm = detector.has_threshold && verdict.state == VerdictState::kAlarm;
    if (detector.entry->on_rolling || !(alarm || readings[i].firing)) continue;
    stream_.references.Taint(signal, stream_.panes.closed() - 1);
    if (alarm && verdict.change_from_ns > 0) {
      stream_.references.DropRollingSince(signal, verdict.change_from_ns);
    }
  }
}

int64_t PaneJudge::JudgeSilence(int64_t from, int64_t now_ns, Effects* effects) {
  const PaneClock& clock = stream_.panes.clock();
  std::vector<AlertTransition> transitions;
  int64_t index = from;
  for (int i = 0; i < kSilentPanesPerTick; ++i, ++index) {
    if (clock.EndOf(index) + stream_.settings.idle_close_ns > now_ns) break;
    for (const uint32_t signal : stream_.signals.row_signals()) {
      JudgeSilentPane(signal, index, &transitions);
    }
  }
  stream_.host.TakeTransitions(transitions, now_ns, effects);
  return index;
}

void PaneJudge::JudgeSilentPane(uint32_t signal, int64_t index,
                                std::vector<AlertTransition>* transitions) {
  ModelShare& model = stream_.model;
  SignalState& state = stream_.signals.at(signal);
  const PaneClock& clock = stream_.panes.clock();
  const PaneHeader header = {
      .index = index, .first_ns = clock.BeginOf(index), .last_ns = clock.EndOf(index)};
  PaneEvidence evidence = {
      .begin_s = static_cast<double>(header.first_ns) / 1e9,
      .end_s = static_cast<double>(header.last_ns) / 1e9,
      .threshold = BudgetDivision::ThresholdOf(model.settings->budget, model.budget_ordinal,
                                               model.shard->settings->shards)};
  if (!model.settings->budget.in_rows) evidence.increment = evidence.end_s - evidence.begin_s;
  const BudgetDivision division = stream_.host.DivideBudget(stream_.id.ordinal);
  for (const uint16_t detector : state.detectors) {
    stream_.totals.mean_false_alarms_max += evidence.increment / evidence.threshold *
                                            division.ShareOf(model.settings->detectors[detector]);
  }
  const Summary none(&state.reference->shape());
  std::vector<DetectorReading> readings;
  stream_.totals.budget_alarms +=
      JudgeSignal(*model.settings, division, evidence, &none, stream_.references.Rolling(signal),
                  &state, &readings);
  stream_.totals.verdicts += readings.size();
  model.alerts.Judge(stream_.signals.facts(signal).name, *model.settings,
                     model.decisions.silenced(), state.detectors, header.first_ns, header.last_ns,
                     &readings, transitions);
  stream_.host.Outdate(stream_.id.ordinal, signal);
  stream_.signals.MarkDetectors(signal);
  stream_.shown.Review(signal);
  stream_.changed = true;
}

}  // namespace faultline
