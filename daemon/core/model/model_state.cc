#include "daemon/core/model/model_state.h"

#include <absl/strings/str_cat.h>
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "daemon/core/stream/row_counter.h"

namespace faultline {
namespace {

using google::protobuf::util::TimeUtil;

StreamView ViewOf(const PaneStream& stream) {
  return {.ordinal = stream.ordinal(),
          .subject = stream.kind().subject,
          .schema = stream.signals().schema(),
          .signals = stream.signals().states(),
          .references = stream.references(),
          .row_losses = stream.row_losses(),
          .spans = stream.panes().spans(),
          .window_from = stream.panes().window_from()};
}

std::vector<StreamView> ViewsOf(const Streams& streams) {
  std::vector<StreamView> views;
  views.reserve(streams.size());
  for (const auto& stream : streams) views.push_back(ViewOf(*stream));
  return views;
}

PaneStream& StreamOf(const Streams& streams, const EventBatch& batch) {
  FAULTLINE_CHECK(batch.stream < streams.size(), "a batch belongs to a stream of the table");
  return *streams[batch.stream];
}

ModelView ViewOf(const ModelShare& share, const std::vector<StreamView>& streams) {
  return {*share.settings, streams, share.decisions.deployed_ns(),
          share.shard->settings->retention.incidents};
}

}  // namespace

ModelState::ModelState(ShardShare* shard, std::string name, std::string version)
    : share_(shard, std::move(name), std::move(version)),
      incidents_(share_.hash, share_.name, share_.version) {
  for (const StreamKind& kind : shard->settings->streams) {
    const auto ordinal = static_cast<uint8_t>(streams_.size());
    streams_.push_back(std::make_unique<PaneStream>(&share_, this, &kind, ordinal));
  }
}

absl::Status ModelState::CheckRoom(uint64_t added) const {
  const ShardShare& shard = *share_.shard;
  const Settings& settings = *shard.settings;
  uint64_t signals = 0;
  for (const auto& stream : streams_) signals += stream->signals().size();
  if (signals + added > settings.limits.signals_per_model) {
    return absl::ResourceExhaustedError(absl::StrCat("the model would have ", signals + added,
                                                     " signals; limits.signals_per_model is ",
                                                     settings.limits.signals_per_model));
  }
  // A model that is not registered yet counts with all its signals.
  if (shard.signals + added > shard.PartOf(settings.limits.signals)) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "no room for ", added, " more signals: limits.signals, or what limits.memory ",
        "has room for, is ", settings.limits.signals, " over ", settings.shards, " shards"));
  }
  return absl::OkStatus();
}

bool ModelState::HasElsewhere(uint8_t asking, std::string_view name) const {
  return std::any_of(streams_.begin(), streams_.end(), [&](const auto& stream) {
    return stream->ordinal() != asking && stream->signals().schema().Find(name).has_value();
  });
}

BudgetDivision ModelState::DivideBudget(uint8_t stream) const {
  std::vector<WeighedSignals> all;
  for (const auto& each : streams_) {
    all.push_back({each->signals().states(), each->kind().budget_weight});
  }
  return BudgetDivision(*share_.settings, all, stream);
}

void ModelState::TakeSignal(uint8_t stream, JudgedSignal judged) {
  const StreamView view = ViewOf(*streams_[stream]);
  const SignalView signal = {view, judged.signal};
  if (!judged.alerts_moved && !incidents_.Wants(signal)) return;
  incidents_.RememberBefore(*share_.settings, signal, std::move(*judged.before));
}

void ModelState::TakePane(const StreamPane& pane, int64_t now_ns, Effects* effects) {
  const std::vector<StreamView> views = ViewsOf(streams_);
  incidents_.TakePane(ViewOf(share_, views),
                      {views[pane.stream], pane.number, pane.pane, pane.increment, pane.readings},
                      pane.transitions, now_ns, effects);
}

void ModelState::TakeTransitions(const std::vector<AlertTransition>& transitions, int64_t now_ns,
                                 Effects* effects) {
  const std::vector<StreamView> views = ViewsOf(streams_);
  incidents_.TakeTransitions(ViewOf(share_, views), transitions, now_ns, effects);
}

void ModelState::Outdate(uint8_t stream, uint32_t signal) {
  const StreamView view = ViewOf(*streams_[stream]);
  incidents_.OutdateEvidence({view, signal});
}

void ModelState::InheritFrom(const ModelState& newest) {
  generation_ = newest.generation_ + 1;
  share_.decisions.SilenceUntil(newest.share_.decisions.silenced_until_ns());
  for (size_t i = 0; i < std::min(streams_.size(), newest.streams_.size()); ++i) {
    streams_[i]->InheritFrom(*newest.streams_[i]);
  }
}

void ModelState::SetDeployed(int64_t now_ns) { share_.decisions.SetDeployed(now_ns); }

ModelTotals TotalsOf(const Streams& streams) {
  ModelTotals totals;
  for (const auto& stream : streams) totals.Add(stream->totals());
  return totals;
}

v1::Model ModelState::Message() const {
  v1::Model model;
  model.set_name(name());
  model.set_version(version());
  for (const auto& stream : streams_) {
    const Schema& schema = stream->signals().schema();
    for (uint32_t signal = 0; signal < schema.size(); ++signal) {
      *model.add_signals() = schema.Message(signal);
    }
  }
  const ModelTotals totals = TotalsOf(streams_);
  model.set_applied_rows(totals.applied_rows);
  model.set_late_rows(totals.late_rows);
  model.set_rejected_rows(totals.rejected_rows);
  if (totals.last_event_ns > 0) {
    *model.mutable_last_event_time() = TimeUtil::NanosecondsToTimestamp(totals.last_event_ns);
  }
  if (share_.decisions.silenced()) {
    *model.mutable_silenced_until() =
        TimeUtil::NanosecondsToTimestamp(share_.decisions.silenced_until_ns());
  }
  return model;
}

bool ModelState::TakeColumns(const EventBatch& batch, BatchResult* result) {
  return StreamOf(streams_, batch).TakeColumns(batch, result);
}

absl::Status ModelState::DeclareSignals(const v1::Model& model) {
  return streams_[kInferenceStream]->DeclareSignals(model);
}

void ModelState::CountRows(const std::shared_ptr<const EventBatch>& batch, BatchResult* result,
                           Effects* effects) {
  StreamOf(streams_, *batch).CountRows(*batch, result, effects);
  const bool kept = result->applied_rows + result->late_rows > 0;
  if (share_.shard->settings->record_events && kept) {
    effects->recorded.push_back({batch, share_.settings});
  }
}

void ModelState::CountRefused(const EventBatch& batch) {
  StreamOf(streams_, batch).CountRefused(batch);
}

void ModelState::Resume() {
  for (const auto& stream : streams_) stream->Resume();
}

void ModelState::Tick(int64_t now_ns, Effects* effects) {
  for (const auto& stream : streams_) stream->Tick(now_ns, effects);
  share_.decisions.Tick(now_ns);
  if (name() == kTestModelName || book().suppressed()) {
    book().Tick(now_ns);
    TakeIncidents(effects);
  }
}

void ModelState::ApplySettings(int64_t now_ns, Effects* effects) {
  share_.settings = share_.shard->settings->ForModel(name());
  for (const auto& stream : streams_) stream->ApplySettings(now_ns, effects);
  int64_t evaluated_ns = 0;
  for (const auto& stream : streams_) {
    evaluated_ns = std::max(evaluated_ns, stream->panes().evaluated_ns());
  }
  std::vector<AlertTransition> transitions;
  share_.alerts.Retain(
      [this](const AlertKey& key) {
        return std::any_of(streams_.begin(), streams_.end(),
                           [&](const auto& stream) { return stream->Wants(key); });
      },
      evaluated_ns, &transitions);
  TakeTransitions(transitions, now_ns, effects);
  changed_ = true;
}

void ModelState::Silence(int64_t until_ns, std::string_view reason, int64_t now_ns,
                         Effects* effects) {
  share_.decisions.SilenceUntil(until_ns > now_ns ? until_ns : 0);
  std::string text =
      !share_.decisions.silenced()
          ? "silence ended"
          : absl::StrCat("silenced until ",
                         TimeUtil::ToString(TimeUtil::NanosecondsToTimestamp(until_ns)));
  if (!reason.empty()) text.append(": ").append(reason);
  book().Note(text, effects->by, now_ns);
  TakeIncidents(effects);
  effects->AddNote(share_.Title() + text);
}

void ModelState::TakeIncidents(Effects* effects) {
  incidents_.TakeChanges(share_.shard->settings->retention.incidents, effects);
}

absl::Status ModelState::InstallReference(const faultline::InstallReference& command,
                                          int64_t now_ns, v1::Reference* reference,
                                          Effects* effects) {
  absl::Status status =
      StreamOf(streams_, *command.rows.front())
          .ChangeReferences()
          .Install(command.rows, {NameOf(effects->by), ""}, now_ns, reference, effects);
  if (!status.ok()) return status;
  effects->AddNote(absl::StrCat(share_.Title(), "reference ", reference->version(), " imported, ",
                                reference->signals(), " signals"));
  return absl::OkStatus();
}

void ModelState::RelearnReference(Effects* effects) {
  for (const auto& stream : streams_) stream->ChangeReferences().Relearn(NameOf(effects->by));
  effects->AddNote(share_.Title() + "learns its reference again");
}

absl::Status ModelState::PromoteReference(const faultline::PromoteReference& command,
                                          int64_t now_ns, v1::Reference* reference,
                                          Effects* effects) {
  PaneStream& stream = *streams_[kInferenceStream];
  absl::Status status =
      stream.ChangeReferences().Promote({NameOf(effects->by), command.comment}, now_ns, reference);
  if (!status.ok()) return status;
  book().Note(absl::StrCat("reference ", reference->version(), " promoted from quiet panes"),
              effects->by, now_ns);
  TakeIncidents(effects);
  effects->AddNote(absl::StrCat(share_.Title(), "reference ", reference->version(), " promoted, ",
                                reference->signals(), " signals"));
  return absl::OkStatus();
}

absl::Status ModelState::RollbackReference(const faultline::RollbackReference& command,
                                           int64_t now_ns, v1::Reference* reference,
                                           Effects* effects) {
  PaneStream& stream = *streams_[kInferenceStream];
  absl::Status status =
      stream.ChangeReferences().Rollback({NameOf(effects->by), command.comment}, now_ns, reference);
  if (!status.ok()) return status;
  book().Note(absl::StrCat("rolled back to reference ", reference->version()), effects->by, now_ns);
  TakeIncidents(effects);
  effects->AddNote(absl::StrCat(share_.Title(), "rolled back to reference ", reference->version()));
  return absl::OkStatus();
}

}  // namespace faultline
