// Panes: closing them and what they are judged to be.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "daemon/core/contract/record_versions.h"
#include "daemon/core/model/model_state.h"
#include "storage/envelope.h"

namespace faultline {
namespace {

constexpr uint32_t kSignalsForHelp = 16;  // tens of microseconds each
constexpr uint32_t kSignalsOfPart = 4;
// What they make waits in memory until all of them are judged.
constexpr uint32_t kJudgedTogether = 256;

}  // namespace

void ModelState::ClosePanesBelow(int64_t floor, int64_t now_ns, Effects* effects) {
  while (true) {
    OpenPane* oldest = nullptr;
    for (OpenPane& pane : panes_) {
      if (!pane.started() || pane.header().index >= floor) continue;
      if (oldest == nullptr || pane.header().index < oldest->header().index) oldest = &pane;
    }
    if (oldest == nullptr) return;
    ClosePane(oldest, now_ns, effects);
  }
}

void ModelState::ClosePane(OpenPane* pane, int64_t now_ns, Effects* effects) {
  PaneHeader& header = pane->header();
  if (clock_.by_time()) {
    header.first_ns = clock_.BeginOf(header.index);
    header.last_ns = clock_.EndOf(header.index);
  }
  StoreClosed(*pane, effects);
  const PaneDeposit deposit = DepositOf(header);
  ++totals_.panes_closed;
  window_from_ = std::max(window_from_, static_cast<int64_t>(totals_.panes_closed) -
                                            static_cast<int64_t>(settings_->window_panes));
  spans_[static_cast<int64_t>(totals_.panes_closed) - 1] = {header.first_ns, header.last_ns};
  incidents_.BeginPane();
  evaluated_ns_ = std::max(evaluated_ns_, header.last_ns);
  std::vector<AlertEdge> edges;
  Judge(*pane, deposit, &edges, effects);
  pane->Stop();
  clock_.CloseThrough(header.index);
  const StreamView stream = Stream();
  const std::shared_ptr<const ModelSignals> shown = shown_;
  incidents_.TakePane(
      View(stream),
      {stream, static_cast<int64_t>(totals_.panes_closed) - 1, *pane, deposit, shown->signals},
      edges, now_ns, effects);
  stored_panes_.Retain(
      evaluated_ns_, shard_->settings->retention.panes_age_ns,
      shard_->settings->retention.panes_bytes, window_from_, [&](int64_t number, uint32_t blocks) {
        for (uint32_t block = 0; block < blocks; ++block) {
          effects->writes.push_back({ClosedPaneKey(hash_, number, block), std::nullopt});
        }
      });
  changed_ = true;
}

// Under the number of panes closed before it: dense and never used twice, whatever becomes of the
// length of panes.
void ModelState::StoreClosed(const OpenPane& pane, Effects* effects) {
  const int64_t number = static_cast<int64_t>(totals_.panes_closed);
  const uint32_t blocks = BlocksOf(schema_.size());
  uint64_t bytes = 0;
  for (uint32_t block = 0; block < blocks; ++block) {
    std::string payload;
    Encoder out(&payload);
    pane.EncodeBlock(block, schema_.size(), &out);
    std::string sealed = SealRecord(Table::kClosedPane, payload);
    bytes += sealed.size();
    effects->writes.push_back({ClosedPaneKey(hash_, number, block), std::move(sealed)});
  }
  stored_panes_.Add(number, pane.header().last_ns, blocks, bytes);
}

// Time that passed since the pane before, or rows: deposited only because rows arrived.
PaneDeposit ModelState::DepositOf(const PaneHeader& pane) const {
  int64_t begin_ns = pane.first_ns;
  if (!clock_.by_time() && evaluated_ns_ > 0) begin_ns = std::min(evaluated_ns_, pane.last_ns);
  return {.begin_ns = begin_ns,
          .end_ns = pane.last_ns,
          .rows = pane.rows,
          .ordinal = budget_ordinal_,
          .shards = shard_->settings->shards,
          .division = BudgetDivision(*settings_, signals_)};
}

// Moves the windows of all signals on and asks their detectors. What is each signal's alone may be
// done by other threads; what they share, alerts and history, follows in the order of signals.
void ModelState::Judge(const OpenPane& pane, const PaneDeposit& deposit,
                       std::vector<AlertEdge>* edges, Effects* effects) {
  const PaneEvidence evidence = EvidenceOf(settings_->budget, deposit);
  if (judged_ > 0) totals_.budget_deposited += evidence.deposit / evidence.threshold;
  auto shown = std::make_shared<ModelSignals>();
  shown->signals.reserve(signals_.size());
  const auto signals = static_cast<uint32_t>(signals_.size());
  std::vector<JudgedSignal> judged(std::min(signals, kJudgedTogether));
  for (uint32_t from = 0; from < signals; from += kJudgedTogether) {
    const uint32_t end = std::min(signals, from + kJudgedTogether);
    const auto alone = [&](size_t i) {
      JudgeAlone(from + static_cast<uint32_t>(i), pane, deposit, evidence, &judged[i]);
    };
    if (shard_->helpers != nullptr && end - from >= kSignalsForHelp) {
      shard_->helpers->ForEach(end - from, kSignalsOfPart, alone);
    } else {
      for (size_t i = 0; i < end - from; ++i) alone(i);
    }
    for (uint32_t signal = from; signal < end; ++signal) {
      TakeJudged(signal, pane.header(), &judged[signal - from], edges);
      shown->signals.push_back(std::move(judged[signal - from].reading));
      history_.Add(signal, shown->signals.back(), pane.header().last_ns, effects);
    }
  }
  spans_.erase(spans_.begin(), spans_.lower_bound(window_from_));
  Show(std::move(shown));
}

void ModelState::JudgeAlone(uint32_t signal, const OpenPane& pane, const PaneDeposit& deposit,
                            const PaneEvidence& evidence, JudgedSignal* judged) {
  SignalState& state = signals_[signal];
  const int64_t number = static_cast<int64_t>(totals_.panes_closed) - 1;
  judged->moved = state.window == nullptr ? 0 : MoveWindow(signal, number, pane);
  judged->before.assign(state.follow.begin(), state.follow.end());
  std::vector<DetectorReading> readings;
  judged->alarms =
      JudgeSignal(*settings_, deposit.division, evidence, pane.Find(signal), &state, &readings);
  judged->reading = ReadSignal(schema_[signal], *settings_, state, std::move(readings));
}

void ModelState::TakeJudged(uint32_t signal, const PaneHeader& pane, JudgedSignal* judged,
                            std::vector<AlertEdge>* edges) {
  const SignalState& state = signals_[signal];
  std::vector<DetectorReading>& readings = judged->reading.readings;
  MarkRolling(signal, judged->moved);
  totals_.budget_alarms += judged->alarms;
  totals_.verdicts += readings.size();
  const size_t edges_before = edges->size();
  JudgeAlerts(signal, pane, &readings, edges);
  const StreamView stream = Stream();
  if (edges->size() > edges_before || incidents_.Wants({stream, signal})) {
    incidents_.RememberBefore(*settings_, {stream, signal}, judged->before);
  }
  NoteAlarms(signal, static_cast<int64_t>(totals_.panes_closed) - 1, readings);
  if (!state.follow.empty()) detector_blocks_.insert(signal / kBlockSignals);
}

void ModelState::JudgeAlerts(uint32_t signal, const PaneHeader& pane,
                             std::vector<DetectorReading>* readings,
                             std::vector<AlertEdge>* edges) {
  const std::string& name = schema_[signal].name;
  const bool silenced = silenced_until_ns_ > 0;
  for (size_t i = 0; i < readings->size(); ++i) {
    DetectorReading& reading = (*readings)[i];
    const DetectorSettings& detector = settings_->detectors[signals_[signal].detectors[i]];
    if (!detector.has_threshold) continue;
    AlertPolicy policy = {.fire_panes = settings_->fire_panes,
                          .resolve_panes = settings_->resolve_panes,
                          .resolve_margin = settings_->resolve_margin,
                          .severity = detector.severity,
                          .unbudgeted = true};
    // Evidence is patient by itself, and an alarm on the budget stands until its effect is gone.
    if (detector.entry->budgeted) {
      policy.fire_panes = policy.resolve_panes = 1;
      policy.resolve_margin = 0;
      policy.unbudgeted = false;
    }
    alerts_.Judge(name, reading.detector, policy, silenced, reading.verdict, pane.first_ns,
                  pane.last_ns, edges);
    FillAlert(name, &reading);
  }
}

void ModelState::FillAlert(const std::string& signal, DetectorReading* reading) const {
  const Alert* alert = alerts_.Firing(signal, reading->detector);
  reading->firing = alert != nullptr;
  reading->peak = reading->firing ? std::make_shared<const Verdict>(alert->peak) : nullptr;
  reading->pending_panes = alerts_.PendingPanes(signal, reading->detector);
  reading->fire_panes = settings_->fire_panes;
}

}  // namespace faultline
