// Signals that a model derives from its rows, and panes that no row came for.
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "daemon/core/model/model_state.h"

namespace faultline {
namespace {

// Silent panes that one tick judges at most: after a pause of the machine the rest follows.
constexpr int kSilentPanesPerTick = 64;

}  // namespace

// Fits transforms to reference rows; the values of these rows are the reference of what they make.
void ModelState::FitTransforms(const CommonRows& rows, bool again, Effects* effects) {
  std::vector<std::string> failures;
  for (FittedSignal& made : transforms_.Fit(schema_, rows, again, &failures)) {
    uint32_t signal = 0;
    if (!AddDerived(made.facts, &signal)) {
      failures.push_back(absl::StrCat(made.facts.transform, ": no room for ", made.facts.name,
                                      ", or a column has that name"));
      continue;
    }
    if (!made.facts.owned) KeepPrevious(signal);
    TakeReference(signal,
                  SignalReference::OfNumbers(made.values, made.nulls.data(), {}, rows.version,
                                             settings_->ForColumn(made.facts.name).sketches));
    transforms_.Take(signal, std::move(made.fit));
    signals_[signal].ignored = Ignores(signal);
  }
  for (const std::string& failure : failures) {
    effects->notes.push_back(absl::StrCat("model ", name_, " version ", version_, ": ", failure));
  }
}

// Without their fit signals wait for the next reference.
void ModelState::DropUnfitted() {
  for (uint32_t signal = 0; signal < signals_.size(); ++signal) {
    const bool fitted = schema_[signal].derivation == Derivation::kFitted;
    if (!fitted || transforms_.IsFitted(signal)) continue;
    if (schema_[signal].owned) {
      DropPrevious(signal);
    } else {
      KeepPrevious(signal);
    }
    DropReference(signal);
  }
}

// The signal of that name; false if another one has it or there is no room.
bool ModelState::AddDerived(const SignalFacts& facts, uint32_t* signal) {
  const std::optional<uint32_t> known = schema_.Find(facts.name);
  if (known.has_value()) {
    *signal = *known;
    return schema_[*known].transform == facts.transform;
  }
  if (!CheckRoom(1).ok()) return false;
  *signal = schema_.size();
  schema_.AddDerived(facts);
  AddStates();
  shard_->columns.LayAdded(schema_);
  return true;
}

// Signals of which the rows are all that counts, once others are judged. Their rows have no values,
// so there is nothing to learn. Panes by rows always have as many.
void ModelState::AddRowSignals() {
  const std::vector<SignalFacts>& wanted = transforms_.row_signals();
  if (row_signals_.size() >= wanted.size() || judged_ == 0 || !clock_.by_time()) return;
  for (const SignalFacts& facts : wanted) {
    uint32_t signal = 0;
    if (IsIgnored(facts.name) || !AddDerived(facts, &signal)) continue;
    if (signals_[signal].judged()) continue;
    TakeReference(signal, SignalReference::OfNumbers(
                              {}, nullptr, {}, static_cast<uint32_t>(reference_version_), {}));
    Recount();
  }
}

// Panes that are over and that no row came for, while rows could have come: judged for the rate
// alone. They are no panes for anything else, and rows that still come for them are not late.
void ModelState::JudgeSilence(int64_t now_ns, Effects* effects) {
  if (row_signals_.empty() || !clock_.by_time() || !live_) return;
  if (std::any_of(panes_.begin(), panes_.end(),
                  [](const OpenPane& pane) { return pane.started(); })) {
    return;
  }
  std::vector<AlertEdge> edges;
  int64_t index = std::max({clock_.floor(), silent_next_, clock_.IndexOf(quiet_since_ns_) + 1});
  for (int i = 0; i < kSilentPanesPerTick; ++i, ++index) {
    if (clock_.EndOf(index) + settings_->idle_close_ns > now_ns) break;
    for (const uint32_t signal : row_signals_) JudgeSilentPane(signal, index, &edges);
  }
  silent_next_ = index;
  ApplyEdges(edges, nullptr, now_ns, effects);
}

void ModelState::JudgeSilentPane(uint32_t signal, int64_t index, std::vector<AlertEdge>* edges) {
  SignalState& state = signals_[signal];
  const PaneHeader header = {
      .index = index, .first_ns = clock_.BeginOf(index), .last_ns = clock_.EndOf(index)};
  PaneEvidence evidence = {.begin_s = static_cast<double>(header.first_ns) / 1e9,
                           .end_s = static_cast<double>(header.last_ns) / 1e9,
                           .threshold = BudgetDivision::ThresholdOf(
                               settings_->budget, budget_ordinal_, shard_->settings->shards)};
  if (!settings_->budget.in_rows) evidence.deposit = evidence.end_s - evidence.begin_s;
  const BudgetDivision division(*settings_, signals_);
  for (const uint16_t detector : state.detectors) {
    totals_.budget_deposited +=
        evidence.deposit / evidence.threshold * division.ShareOf(settings_->detectors[detector]);
  }
  const Summary none(&state.reference->shape());
  std::vector<DetectorReading> readings;
  totals_.budget_alarms += JudgeSignal(*settings_, division, evidence, &none, &state, &readings);
  totals_.verdicts += readings.size();
  JudgeAlerts(signal, header, &readings, edges);
  bundles_.Outdate(signal);
  detector_blocks_.insert(signal / kBlockSignals);
  review_.insert(signal);
  changed_ = signals_changed_ = true;
}

}  // namespace faultline
