// Stored form and snapshot of a model. See docs/formats/model.md.
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "daemon/core/model/model_state.h"
#include "storage/tables/records.h"

namespace faultline {
namespace {

absl::Status Damaged(const char* what) { return absl::DataLossError(what); }

std::string_view SeverityName(v1::Severity severity) {
  if (severity == v1::SEVERITY_CRITICAL) return "critical";
  return severity == v1::SEVERITY_INFO ? "info" : "warning";
}

std::shared_ptr<const ModelSignals> Show(const Streams& streams) {
  std::shared_ptr<const ModelSignals> first = streams.front()->Show();
  if (streams.size() == 1) return first;
  auto merged = std::make_shared<ModelSignals>(*first);
  for (size_t i = 1; i < streams.size(); ++i) merged->Add(*streams[i]->Show());
  return merged;
}

}  // namespace

absl::StatusOr<std::string> ModelNameOfRecord(std::string_view value) {
  const absl::StatusOr<std::string_view> payload = OpenRecord(Table::kModel, value);
  if (!payload.ok()) return payload.status();
  Decoder in(*payload);
  std::string name(in.String());
  if (!in.ok()) return Damaged("the record of a model has no name");
  return name;
}

std::string ModelState::Encode() const {
  std::string payload;
  Encoder out(&payload);
  out.String(name());
  out.String(version());
  out.Varint(generation_);
  out.Varint(share_.budget_ordinal);
  out.Varint(streams_.size());
  for (const auto& stream : streams_) {
    std::string encoded;
    Encoder of_stream(&encoded);
    stream->Encode(&of_stream);
    out.String(stream->kind().name);
    out.String(encoded);
  }
  return payload;
}

absl::Status ModelState::RestoreModel(std::string_view payload) {
  Decoder in(payload);
  if (in.String() != name() || in.String() != version()) {
    return Damaged("the record of a model has another name");
  }
  generation_ = in.Varint();
  share_.budget_ordinal = in.Varint();
  const uint64_t count = in.Varint();
  if (!in.ok() || count > streams_.size()) return Damaged("the record of a model is damaged");
  for (uint64_t i = 0; i < count; ++i) {
    if (in.String() != streams_[i]->kind().name) return Damaged("a stream of another kind");
    Decoder of_stream(in.String());
    if (!in.ok() || !streams_[i]->Decode(&of_stream)) {
      return absl::DataLossError(
          absl::StrCat("stream ", std::string(streams_[i]->kind().name), " is damaged"));
    }
  }
  return in.Done() ? absl::OkStatus() : Damaged("the record of a model is damaged");
}

absl::Status ModelState::Restore(const Key& key, std::string_view payload, size_t stored_bytes) {
  switch (key.table) {
    case Table::kAlerts:
      return share_.alerts.Restore(payload);
    case Table::kDecisions:
      return share_.decisions.Restore(payload);
    case Table::kIncidentBook:
      return incidents_.RestoreBook(payload);
    case Table::kBundles:
      return incidents_.RestoreBundles(payload);
    default:
      if (key.stream >= streams_.size()) return Damaged("a record of an unknown stream");
      return streams_[key.stream]->Restore(key, payload, stored_bytes);
  }
}

absl::Status ModelState::FinishRestore() {
  for (const auto& stream : streams_) {
    absl::Status status = stream->FinishRestore();
    if (!status.ok()) return status;
  }
  return incidents_.FinishRestore();
}

void ModelState::TakeCheckpoint(Effects* effects) {
  bool changed =
      std::exchange(changed_, false) || share_.decisions.changed() || incidents_.changed();
  for (const auto& stream : streams_) {
    if (!stream->changed()) continue;
    changed = true;
    stream->TakeCheckpoint(effects);
  }
  if (!changed) return;
  share_.alerts.TakeCheckpoint(effects);
  share_.decisions.TakeCheckpoint(effects);
  incidents_.TakeCheckpoint(effects);
  WriteRecord(Table::kModel, ModelKey(share_.hash), Encode(), effects);
  Publish(effects);
}

void ModelState::Delete(Effects* effects) {
  incidents_.Delete(effects);
  EraseRecord(ModelKey(share_.hash), effects);
  share_.decisions.Erase(effects);
  share_.alerts.Erase(effects);
  for (const auto& stream : streams_) stream->Erase(effects);
  effects->publications.push_back({name(), version(), nullptr});
}

void ModelState::Publish(Effects* effects) {
  std::shared_ptr<const ModelSignals> signals = Show(streams_);
  memory_bytes_ = sizeof *this + incidents_.memory_bytes();
  for (const auto& stream : streams_) memory_bytes_ += stream->memory_bytes();
  const IncidentBook& book = incidents_.book();
  const bool test = name() == kTestModelName;
  if (test && book.open() == 0) {
    effects->publications.push_back({name(), version(), nullptr});
    return;
  }
  const ModelSettings& settings = *share_.settings;
  auto snapshot = std::make_shared<ModelSnapshot>();
  snapshot->name = name();
  snapshot->version = version();
  snapshot->totals = TotalsOf(streams_);
  snapshot->signals = std::move(signals);
  share_.alerts.book().ForEach([&](const AlertKey& key, const Alert& alert) {
    if (alert.state != v1::ALERT_STATE_FIRING) return;
    snapshot->alerts.push_back({key.signal, key.detector, std::string(SeverityName(alert.severity)),
                                alert.silenced || book.Suppresses(key)});
  });
  if (test) {
    snapshot->alerts.push_back(
        {"test", "alert_test", std::string(SeverityName(settings.severity)), false});
  }
  snapshot->labels.assign(settings.labels.begin(), settings.labels.end());
  const double threshold = BudgetDivision::ThresholdOf(settings.budget, share_.budget_ordinal,
                                                       share_.shard->settings->shards);
  if (std::isfinite(threshold)) snapshot->budget_threshold = threshold;
  snapshot->budget = settings.budget;
  snapshot->incidents_open = book.open();
  snapshot->incidents_total = book.total();
  snapshot->silenced_until_ns = share_.decisions.silenced_until_ns();
  snapshot->deployed_ns = share_.decisions.deployed_ns();
  effects->publications.push_back({name(), version(), std::move(snapshot)});
}

}  // namespace faultline
