// Signals that a model derives from its rows, and the rate of the rows themselves.
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "daemon/core/model/model_state.h"

namespace faultline {
namespace {

// Silent panes that one tick judges at most: after a pause of the machine the rest follows.
constexpr int kSilentPanesPerTick = 64;

bool Named(const DetectorSettings& detector, std::string_view signal) {
  return std::any_of(detector.signals.begin(), detector.signals.end(),
                     [&](const std::string& pattern) { return MatchesPattern(pattern, signal); });
}

}  // namespace

// Null if the settings no longer have the detector that the signal was fitted for.
const DetectorSettings* ModelState::RowSettings(const DerivedRows& derived) const {
  for (const DetectorSettings& detector : settings_->detectors) {
    if (detector.detector.rows != nullptr && detector.entry->name == derived.detector &&
        detector.fingerprint == derived.fingerprint) {
      return &detector;
    }
  }
  return nullptr;
}

bool ModelState::AnyRowDetector() const {
  return std::any_of(
      settings_->detectors.begin(), settings_->detectors.end(),
      [](const DetectorSettings& detector) { return detector.detector.rows != nullptr; });
}

// Gives the derived signals their values of a run of rows.
void ModelState::DeriveRows(RowRange run) {
  for (DerivedRows& derived : derived_) {
    if (!signals_[derived.signal].judged()) continue;
    const DetectorSettings* detector = RowSettings(derived);
    if (detector == nullptr) continue;
    std::vector<RowColumn>& columns = shard_->row_columns;
    columns.clear();
    for (const uint32_t input : derived.columns) {
      const SignalState& state = signals_[input];
      columns.push_back(
          state.reference == nullptr
              ? RowColumn{.signal = schema_[input].name}
              : shard_->columns.AsRowColumn(schema_[input].name, input, state.reference->shape()));
    }
    shard_->columns.Derive(*detector->detector.rows, columns, run, &derived);
    memories_changed_ = memories_changed_ || !derived.memory.empty();
  }
}

// Fits row detectors to reference rows of signals that have them in common. again: also those that
// are fitted already.
void ModelState::FitRows(std::span<const LearningRows* const> learnt,
                         std::span<const uint32_t> signals, uint32_t rows, uint32_t version,
                         bool again, Effects* effects) {
  if (!AnyRowDetector()) return;
  // Signals that are added move those that are there.
  std::vector<std::string> names(signals.size());
  std::vector<std::vector<uint64_t>> hashes(signals.size());
  std::vector<RowColumn> columns;
  for (size_t i = 0; i < signals.size(); ++i) {
    names[i] = schema_[signals[i]].name;
    columns.push_back(learnt[i]->AsRowColumn(names[i], &hashes[i]));
  }
  for (const DetectorSettings& detector : settings_->detectors) {
    if (detector.detector.rows == nullptr) continue;
    const bool fitted =
        std::any_of(derived_.begin(), derived_.end(), [&](const DerivedRows& derived) {
          return derived.detector == detector.entry->name &&
                 derived.fingerprint == detector.fingerprint;
        });
    if (fitted && !again) continue;
    std::vector<RowColumn> taken;
    std::vector<uint32_t> taken_signals;
    for (size_t i = 0; i < signals.size(); ++i) {
      const SignalFacts& facts = schema_[signals[i]];
      const SignalType type = facts.numeric() ? SignalType::kNumeric : SignalType::kCategorical;
      const bool feature = detector.signals.empty() ? facts.role == v1::COLUMN_ROLE_FEATURE
                                                    : Named(detector, facts.name);
      if (facts.owned() || signals_[signals[i]].ignored) continue;
      if (!detector.detector.rows->Takes(facts.name, type, feature)) continue;
      taken.push_back(columns[i]);
      taken_signals.push_back(signals[i]);
    }
    std::vector<RowSignal> made;
    const absl::Status status = detector.detector.rows->Fit(taken, rows, &made);
    if (!status.ok()) {
      effects->notes.push_back(absl::StrCat("model ", name_, " version ", version_, ": ",
                                            std::string(status.message())));
      continue;
    }
    for (const RowSignal& signal : made) {
      TakeDerived(detector, signal, taken, taken_signals, rows, version, effects);
    }
  }
}

// The values of the reference rows are the reference of the derived signal.
void ModelState::TakeDerived(const DetectorSettings& detector, const RowSignal& made,
                             std::span<const RowColumn> columns, std::span<const uint32_t> signals,
                             uint32_t rows, uint32_t version, Effects* effects) {
  DerivedRows derived;
  if (!AddOwned(made.name, v1::COLUMN_ROLE_FEATURE, &derived.signal)) {
    effects->notes.push_back(absl::StrCat("model ", name_, " version ", version_, ": ",
                                          std::string(detector.entry->name), ": no room for ",
                                          made.name, ", or a column has that name"));
    return;
  }
  derived.detector = std::string(detector.entry->name);
  derived.fingerprint = detector.fingerprint;
  derived.version = version;
  derived.fitted = made.fitted;
  std::vector<RowColumn> inputs;
  for (const uint32_t column : made.columns) {
    inputs.push_back(columns[column]);
    derived.columns.push_back(signals[column]);
  }
  const RowDetector& derive = *detector.detector.rows;
  derived.memory.resize(derive.memory_bytes());
  std::vector<double> values(rows, kUnset);
  derive.Derive(derived.fitted, inputs, {0, rows}, derived.memory, values);
  std::vector<uint64_t> nulls((rows + 63) / 64);
  for (uint32_t row = 0; row < rows; ++row) {
    const bool none = row < made.used_rows || std::isnan(values[row]);
    if (none) nulls[row / 64] |= uint64_t{1} << (row % 64);
  }
  std::fill(derived.memory.begin(), derived.memory.end(), std::byte{0});
  TakeReference(derived.signal,
                SignalReference::OfNumbers(values, nulls.data(), {}, version,
                                           settings_->ForColumn(made.name).sketches));
  const auto known = std::find_if(derived_.begin(), derived_.end(), [&](const DerivedRows& other) {
    return other.signal == derived.signal;
  });
  if (known == derived_.end()) {
    derived_.push_back(std::move(derived));
  } else {
    *known = std::move(derived);
  }
  derived_changed_ = memories_changed_ = true;
}

// Row detectors that were fitted to a newer reference than the one in use wait for the next.
void ModelState::DropDerivedSince(uint64_t version) {
  std::erase_if(derived_, [&](const DerivedRows& derived) { return derived.version > version; });
  for (uint32_t signal = 0; signal < signals_.size(); ++signal) {
    if (!schema_[signal].owned() || schema_[signal].name == kRowRateSignal) continue;
    const bool fitted =
        std::any_of(derived_.begin(), derived_.end(),
                    [&](const DerivedRows& derived) { return derived.signal == signal; });
    if (fitted) continue;
    DropReference(signal);
    DropPrevious(signal);
  }
  derived_changed_ = memories_changed_ = true;
}

// The derived signal of that name; false if it cannot be.
bool ModelState::AddOwned(std::string_view name, v1::ColumnRole role, uint32_t* signal) {
  const std::optional<uint32_t> known = schema_.Find(name);
  if (known.has_value()) {
    *signal = *known;
    return schema_[*known].owned();
  }
  if (!CheckRoom(1).ok()) return false;
  *signal = schema_.size();
  schema_.AddDerived(name, role);
  AddStates();
  shard_->columns.LayAdded(schema_);
  return true;
}

// The signal whose rows are all that counts, once others are judged: without a value, so without
// anything to learn.
void ModelState::WatchRowRate() {
  if (row_rate_.has_value() || judged_ == 0 || !clock_.by_time()) return;
  const bool wanted = std::any_of(settings_->detectors.begin(), settings_->detectors.end(),
                                  [](const DetectorSettings& detector) {
                                    return detector.entry->subject == Subject::kRowRate;
                                  });
  uint32_t signal = 0;
  if (!wanted || IsIgnored(kRowRateSignal)) return;
  if (!AddOwned(kRowRateSignal, v1::COLUMN_ROLE_STATUS, &signal)) return;
  TakeReference(signal, SignalReference::OfNumbers({}, nullptr, {},
                                                   static_cast<uint32_t>(reference_version_), {}));
  Recount();
}

// Panes that are over and that no row came for, while rows could have come: judged for the rate
// alone. They are no panes for anything else, and rows that still come for them are not late.
void ModelState::JudgeSilence(int64_t now_ns, Effects* effects) {
  if (!row_rate_.has_value() || !clock_.by_time() || !live_) return;
  if (std::any_of(panes_.begin(), panes_.end(),
                  [](const OpenPane& pane) { return pane.started(); })) {
    return;
  }
  std::vector<AlertEdge> edges;
  int64_t index = std::max({clock_.floor(), silent_next_, clock_.IndexOf(quiet_since_ns_) + 1});
  for (int i = 0; i < kSilentPanesPerTick; ++i, ++index) {
    if (clock_.EndOf(index) + settings_->idle_close_ns > now_ns) break;
    JudgeSilentPane(index, &edges);
  }
  silent_next_ = index;
  TakeEdges(edges, now_ns, effects);
}

void ModelState::JudgeSilentPane(int64_t index, std::vector<AlertEdge>* edges) {
  const uint32_t signal = *row_rate_;
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
  const StreamView stream = Stream();
  incidents_.OutdateEvidence({stream, signal});
  detector_blocks_.insert(signal / kBlockSignals);
  review_.insert(signal);
  changed_ = signals_changed_ = true;
}

}  // namespace faultline
