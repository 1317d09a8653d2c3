#include "daemon/core/model/model_state.h"

#include <absl/strings/str_cat.h>
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <utility>

namespace faultline {

using google::protobuf::util::TimeUtil;

namespace {

// After a restart: silence of a model whose newest row is older says nothing.
constexpr int64_t kRestartedLiveNs = 86'400'000'000'000;

}  // namespace

ModelState::ModelState(ShardShare* shard, std::string name, std::string version)
    : shard_(shard),
      name_(std::move(name)),
      version_(std::move(version)),
      hash_(ModelHash(name_, version_)),
      settings_(shard->settings->ForModel(name_)),
      clock_(hash_),
      incidents_(hash_, name_, version_),
      history_(hash_) {
  clock_.Start(settings_->pane_length_ns, settings_->pane_rows, 0);
}

ModelState::~ModelState() {
  shard_->signals -= signals_.size();
  for (const uint32_t signal : learners_) {
    shard_->learning_bytes -= signals_[signal].learning_bytes();
  }
}

// Gives every signal of the schema its state.
void ModelState::AddStates() {
  const size_t before = signals_.size();
  if (before == schema_.size()) return;
  shard_->signals += schema_.size() - before;
  signals_.resize(schema_.size());
  for (size_t signal = before; signal < signals_.size(); ++signal) {
    signals_[signal].ignored = Ignores(static_cast<uint32_t>(signal));
    RefreshDetectors(static_cast<uint32_t>(signal));
  }
  plan_.Forget();
  MarkOpenPanes();
  changed_ = signals_changed_ = true;
}

void ModelState::RefreshDetectors(uint32_t signal) {
  if (signals_[signal].ChooseDetectors(schema_[signal], *settings_)) {
    detector_blocks_.insert(signal / kBlockSignals);
  }
  review_.insert(signal);
  changed_ = signals_changed_ = true;
}

void ModelState::Recount() {
  judged_ = 0;
  learners_.clear();
  for (uint32_t signal = 0; signal < signals_.size(); ++signal) {
    if (signals_[signal].judged()) ++judged_;
    if (signals_[signal].learns()) learners_.push_back(signal);
  }
  const std::optional<uint32_t> rate = schema_.Find(kRowRateSignal);
  const bool watched = rate.has_value() && schema_[*rate].owned() && signals_[*rate].judged();
  row_rate_ = watched ? rate : std::nullopt;
}

// The number of signals stands in what is stored of an open pane.
void ModelState::MarkOpenPanes() {
  for (OpenPane& pane : panes_) {
    if (pane.started()) pane.MarkDirty();
  }
}

bool ModelState::IsIgnored(std::string_view column) const {
  return settings_->ForColumn(column).ignore;
}

// What is derived from an ignored signal, which stands before it, is ignored with it.
bool ModelState::Ignores(uint32_t signal) const {
  const SignalFacts& facts = schema_[signal];
  if (facts.source >= 0) return signals_[static_cast<size_t>(facts.source)].ignored;
  if (IsIgnored(facts.name)) return true;
  const auto ignored = [this](uint32_t input) { return signals_[input].ignored; };
  for (const DerivedRows& derived : derived_) {
    if (derived.signal == signal) {
      return std::any_of(derived.columns.begin(), derived.columns.end(), ignored);
    }
  }
  return facts.derived && !facts.owned() &&
         std::any_of(score_.signals.begin(), score_.signals.end(), ignored);
}

absl::Status ModelState::CheckRoom(uint64_t added) const {
  const Settings& settings = *shard_->settings;
  if (schema_.size() + added > settings.limits.signals_per_model) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the model would have ", schema_.size() + added,
                     " signals; limits.signals_per_model is ", settings.limits.signals_per_model));
  }
  // A model that is not registered yet counts with all it has.
  if (shard_->signals + added > shard_->PartOf(settings.limits.signals)) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "no room for ", added, " more signals; limits.signals, or what limits.memory ",
        "has room for, is ", settings.limits.signals, " over ", settings.shards, " shards"));
  }
  return absl::OkStatus();
}

void ModelState::InheritFrom(const ModelState& newest) {
  generation_ = newest.generation_ + 1;
  schema_ = newest.schema_;
  score_ = newest.score_;
  score_changed_ = score_.ready();
  derived_ = newest.derived_;
  derived_changed_ = memories_changed_ = !derived_.empty();
  silenced_until_ns_ = newest.silenced_until_ns_;
  reference_version_ = newest.reference_version_;
  references_ = newest.references_;
  AddStates();
  for (uint32_t signal = 0; signal < signals_.size(); ++signal) {
    if (newest.signals_[signal].reference != nullptr) {
      TakeReference(signal, newest.signals_[signal].reference);
    }
  }
  Recount();
}

void ModelState::SetDeployed(int64_t now_ns) {
  deployed_ns_ = now_ns;
  changed_ = book_changed_ = true;
}

v1::Model ModelState::Message() const {
  v1::Model model;
  model.set_name(name_);
  model.set_version(version_);
  for (uint32_t signal = 0; signal < schema_.size(); ++signal) {
    *model.add_signals() = schema_.Message(signal);
  }
  model.set_applied_rows(totals_.applied_rows);
  model.set_late_rows(totals_.late_rows);
  model.set_rejected_rows(totals_.rejected_rows);
  if (totals_.last_event_ns > 0) {
    *model.mutable_last_event_time() = TimeUtil::NanosecondsToTimestamp(totals_.last_event_ns);
  }
  if (silenced_until_ns_ > 0) {
    *model.mutable_silenced_until() = TimeUtil::NanosecondsToTimestamp(silenced_until_ns_);
  }
  return model;
}

absl::Status ModelState::DeclareSignals(const v1::Model& model) {
  Schema declared = schema_;
  for (const v1::Signal& signal : model.signals()) {
    if (signal.name().empty() || signal.name().size() > kNameBytesMax) {
      return absl::InvalidArgumentError("a signal's name has 1 to 128 bytes");
    }
    if (signal.type() < v1::SIGNAL_TYPE_NUMERIC || signal.type() > v1::SIGNAL_TYPE_EMBEDDING ||
        !v1::ColumnRole_IsValid(signal.role())) {
      return absl::InvalidArgumentError(
          absl::StrCat("signal ", signal.name(), ": type or role is none that is known"));
    }
    if (signal.derived() || IsIgnored(signal.name())) continue;
    const auto known = declared.Find(signal.name());
    const bool norm_taken = signal.type() == v1::SIGNAL_TYPE_EMBEDDING &&
                            declared.Find(signal.name() + std::string(kNormSuffix)).has_value();
    if (known.has_value() ? declared[*known].type != signal.type() : norm_taken) {
      return absl::InvalidArgumentError(
          absl::StrCat("signal ", signal.name(), " is there already, with another type"));
    }
    if (!known.has_value()) declared.Add(signal.name(), signal.type(), signal.role());
  }
  absl::Status room = CheckRoom(declared.size() - schema_.size());
  if (!room.ok()) return room;
  schema_ = std::move(declared);
  AddStates();
  return absl::OkStatus();
}

void ModelState::Tick(int64_t now_ns, Effects* effects) {
  if (quiet_since_ns_ == 0) {
    quiet_since_ns_ = now_ns;
    live_ = now_ns - totals_.last_event_ns <= kRestartedLiveNs;
  }
  const bool idle =
      settings_->idle_close_ns > 0 && now_ns - quiet_since_ns_ >= settings_->idle_close_ns;
  if (clock_.by_time() && idle) {
    int64_t newest = -1;
    for (const OpenPane& pane : panes_) {
      if (pane.started()) newest = std::max(newest, pane.header().index);
    }
    // Before its span has passed, rows for it may still come, and would be late.
    if (newest >= 0 && now_ns >= clock_.EndOf(newest)) {
      clock_.CloseThrough(newest);
      ClosePanesBelow(clock_.floor(), now_ns, effects);
      changed_ = true;
    }
  }
  if (idle) JudgeSilence(now_ns, effects);
  if (silenced_until_ns_ > 0 && now_ns >= silenced_until_ns_) {
    silenced_until_ns_ = 0;
    changed_ = book_changed_ = true;
  }
  if (IsTest() || book().suppressed()) {
    book().Tick(now_ns);
    TakeIncidents(effects);
  }
}

void ModelState::ApplySettings(int64_t now_ns, Effects* effects) {
  settings_ = shard_->settings->ForModel(name_);
  // First: what signals remember of their detectors are places in the settings, and panes that
  // close below are judged.
  for (uint32_t signal = 0; signal < signals_.size(); ++signal) {
    signals_[signal].ignored = Ignores(signal);
    if (signals_[signal].ignored) StopLearning(signal);
    RefreshDetectors(signal);
    if (settings_->rolling_panes == 0) DropRolling(signal);
  }
  plan_.Forget();
  Recount();
  if (settings_->pane_length_ns != clock_.length_ns() ||
      settings_->pane_rows != clock_.pane_rows()) {
    ClosePanesBelow(INT64_MAX, now_ns, effects);
    clock_.Start(settings_->pane_length_ns, settings_->pane_rows, totals_.last_event_ns);
    window_from_ = static_cast<int64_t>(totals_.panes_closed);
    for (SignalState& signal : signals_) signal.ClearWindow();
    changed_ = true;
  }
  const int64_t panes = static_cast<int64_t>(totals_.panes_closed);
  window_from_ = std::max(window_from_, panes - settings_->window_panes);
  for (uint32_t signal = 0; signal < signals_.size(); ++signal) {
    if (signals_[signal].window != nullptr) signals_[signal].window->DropBefore(window_from_);
    review_.insert(signal);
  }
  changed_ = signals_changed_ = true;
  std::vector<AlertEdge> edges;
  alerts_.Retain(
      [this](const AlertKey& key) {
        const auto signal = schema_.Find(key.signal);
        if (!signal.has_value() || signals_[*signal].ignored) return false;
        const auto& chosen = signals_[*signal].detectors;
        return std::any_of(chosen.begin(), chosen.end(), [&](uint16_t index) {
          const DetectorSettings& detector = settings_->detectors[index];
          return detector.entry->name == key.detector && detector.has_threshold;
        });
      },
      evaluated_ns_, &edges);
  TakeEdges(edges, now_ns, effects);
}

void ModelState::Silence(int64_t until_ns, const Person& actor, std::string_view reason,
                         int64_t now_ns) {
  silenced_until_ns_ = until_ns > now_ns ? until_ns : 0;
  changed_ = book_changed_ = true;
  std::string text =
      silenced_until_ns_ == 0
          ? "silence ended"
          : absl::StrCat("silenced until ",
                         TimeUtil::ToString(TimeUtil::NanosecondsToTimestamp(until_ns)));
  if (!reason.empty()) text.append(": ").append(reason);
  book().Note(text, actor, now_ns);
}

void ModelState::TakeIncidents(Effects* effects) {
  incidents_.TakeChanges(shard_->settings->retention.incidents, effects);
}

ModelView ModelState::View(const StreamView& stream) const {
  return {*settings_, {&stream, 1}, deployed_ns_, shard_->settings->retention.incidents};
}

void ModelState::TakeEdges(const std::vector<AlertEdge>& edges, int64_t now_ns, Effects* effects) {
  const StreamView stream = Stream();
  incidents_.TakeEdges(View(stream), edges, now_ns, effects);
}

}  // namespace faultline
