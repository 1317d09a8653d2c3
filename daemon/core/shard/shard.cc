#include "daemon/core/shard/shard.h"

#include <absl/strings/str_cat.h>
#include <xxhash.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "daemon/core/model/model_state.h"
#include "daemon/core/shard/shard_state.h"
#include "daemon/core/signal/schema.h"
#include "daemon/core/stream/row_counter.h"
#include "storage/tables/keys.h"
#include "storage/tables/records.h"

namespace faultline {
namespace {

absl::Status NameKey(const absl::Status& status, std::string_view key) {
  if (status.ok()) return status;
  return {status.code(), absl::StrCat(DescribeKey(key), ": ", std::string(status.message()))};
}

// Refuses the rows that have a value in a column whose type is not the model's, and applies the
// others without that column, which they do not have.
void ApplyWellTyped(const EventBatch& batch, ModelState* model, BatchResult* result,
                    Effects* effects) {
  std::map<std::string, v1::SignalType> types;
  const v1::Model message = model->Message();
  for (const v1::Signal& signal : message.signals()) {
    if (!signal.derived()) types.emplace(signal.name(), signal.type());
  }
  const auto rest = std::make_shared<EventBatch>(batch);
  rest->refused.resize((batch.rows + 63) / 64);
  std::erase_if(rest->columns, [&](const Column& column) {
    const auto known = types.find(column.name);
    if (known == types.end() || ColumnTypeOf(known->second) == column.type) return false;
    for (uint32_t row = 0; row < batch.rows; ++row) {
      if (column.IsNull(row) || rest->IsRefused(row)) continue;
      rest->refused[row / 64] |= uint64_t{1} << (row % 64);
      ++rest->refused_rows;
      if (rest->row_errors.size() >= kRowErrorsMax) continue;
      v1::RowError& error = rest->row_errors.emplace_back();
      error.set_row(row);
      error.set_reason(v1::REJECT_REASON_TYPE);
      error.set_message(absl::StrCat("column ", column.name, ": expected ",
                                     std::string(DescribeType(ColumnTypeOf(known->second))),
                                     ", got ", std::string(DescribeType(column.type))));
    }
    return true;
  });
  const uint64_t mistyped = rest->refused_rows - batch.refused_rows;
  *result = {};
  if (model->TakeColumns(*rest, result)) {
    model->CountRows(rest, result, effects);
  } else {
    model->CountRefused(*rest);
  }
  // Refused rows of a batch count as refused for their ids.
  result->rejected_by_reason[v1::REJECT_REASON_ID] -= mistyped;
  result->rejected_by_reason[v1::REJECT_REASON_TYPE] += mistyped;
}

}  // namespace

uint32_t ShardOf(std::string_view model, uint32_t shards) {
  return static_cast<uint32_t>(XXH3_64bits(model.data(), model.size()) % shards);
}

ModelState* ShardState::Find(uint64_t hash) {
  const auto found = models.find(hash);
  return found == models.end() ? nullptr : found->second.get();
}

ModelState* ShardState::Find(const std::string& name, const std::string& version) {
  ModelState* found = Find(ModelHash(name, version));
  return found != nullptr && found->name() == name && found->version() == version ? found : nullptr;
}

std::vector<ModelState*> ShardState::VersionsOf(const std::string& name) {
  std::vector<ModelState*> versions;
  for (auto entry = by_name.lower_bound({name, 0});
       entry != by_name.end() && entry->first.first == name; ++entry) {
    versions.push_back(entry->second);
  }
  return versions;
}

ModelState* ShardState::Insert(std::unique_ptr<ModelState> model) {
  ModelState* inserted = model.get();
  by_name[{model->name(), model->generation()}] = inserted;
  models[model->hash()] = std::move(model);
  return inserted;
}

void ShardState::Remove(ModelState* model) {
  by_name.erase({model->name(), model->generation()});
  models.erase(model->hash());
}

absl::StatusOr<std::unique_ptr<ModelState>> ShardState::NewModel(const std::string& name,
                                                                 const std::string& version) {
  const uint64_t hash = ModelHash(name, version);
  if (Find(hash) != nullptr) {
    return absl::ResourceExhaustedError(
        "the hash of its name equals that of another model; choose another name or version");
  }
  const Settings& settings = *share.settings;
  if (models.size() >= share.PartOf(settings.limits.models)) {
    return absl::ResourceExhaustedError(absl::StrCat("no room for another model: limits.models is ",
                                                     settings.limits.models, " over ",
                                                     settings.shards, " shards"));
  }
  auto model = std::make_unique<ModelState>(&share, name, version);
  uint64_t ordinals = 0;
  for (const auto& [other_hash, other] : models) {
    ordinals = std::max(ordinals, other->share().budget_ordinal);
  }
  model->share().budget_ordinal = ordinals + 1;
  const std::vector<ModelState*> versions = VersionsOf(name);
  if (!versions.empty()) model->InheritFrom(*versions.back());
  return model;
}

ModelState* ShardState::Register(std::unique_ptr<ModelState> model, int64_t now_ns,
                                 Effects* effects) {
  effects->AddNote(
      absl::StrCat("model ", model->name(), " version ", model->version(), ": registered"));
  const std::vector<ModelState*> versions = VersionsOf(model->name());
  if (!versions.empty()) {
    model->SetDeployed(now_ns);
    for (ModelState* other : versions) {
      other->book().Note(absl::StrCat("version ", model->version(), " deployed"), effects->by,
                         now_ns);
      other->TakeIncidents(effects);
    }
  }
  return Insert(std::move(model));
}

void ShardState::Reconcile(int64_t now_ns, Effects* effects) {
  if (!restored) return;
  restored = false;
  effects->by = Principal::Configuration();
  for (auto& [hash, model] : models) model->ApplySettings(now_ns, effects);
}

Shard::Shard(std::shared_ptr<const Settings> settings) : impl_(std::make_unique<Impl>()) {
  impl_->share.settings = std::move(settings);
}

Shard::~Shard() = default;

absl::Status Shard::Restore(std::string_view key_bytes, std::string_view value) {
  const absl::StatusOr<Key> key = ParseKey(key_bytes);
  if (!key.ok()) return key.status();
  if (ReadOnDemand(key->table)) return absl::OkStatus();
  const absl::StatusOr<std::string_view> payload = OpenRecord(key->table, value);
  if (!payload.ok()) return NameKey(payload.status(), key_bytes);
  if (key->table == Table::kModel) {
    Decoder in(*payload);
    std::string name(in.String());
    std::string version(in.String());
    if (!in.ok() || ModelHash(name, version) != key->model_hash) {
      return NameKey(absl::DataLossError("the record of a model has another name"), key_bytes);
    }
    auto model = std::make_unique<ModelState>(&impl_->share, std::move(name), std::move(version));
    const absl::Status status = model->RestoreModel(*payload);
    if (!status.ok()) return NameKey(status, key_bytes);
    impl_->Insert(std::move(model));
    return absl::OkStatus();
  }
  if (key->table == Table::kIncident) {
    v1::Incident incident;
    if (!incident.ParseFromArray(payload->data(), static_cast<int>(payload->size()))) {
      return NameKey(absl::DataLossError("not an incident"), key_bytes);
    }
    ModelState* model = impl_->Find(incident.model(), incident.version());
    if (model != nullptr) model->RestoreIncident(key->incident_id, incident);
    return absl::OkStatus();
  }
  ModelState* model = impl_->Find(key->model_hash);
  if (model == nullptr) {
    return NameKey(absl::DataLossError("its model is missing"), key_bytes);
  }
  return NameKey(model->Restore(*key, *payload, value.size()), key_bytes);
}

absl::Status Shard::FinishRestore() {
  for (auto& [hash, model] : impl_->models) {
    const absl::Status status = model->FinishRestore();
    if (!status.ok()) return NameKey(status, ModelKey(hash));
  }
  impl_->restored = true;
  return absl::OkStatus();
}

void Shard::Apply(const std::shared_ptr<const EventBatch>& batch, BatchResult* result,
                  Effects* effects) {
  impl_->Reconcile(batch->received_ns, effects);
  effects->by = batch->principal;
  const bool reserved = batch->model == kTestModelName;
  ModelState* model = reserved ? nullptr : impl_->Find(batch->model, batch->version);
  if (model != nullptr) {
    if (model->TakeColumns(*batch, result)) return model->CountRows(batch, result, effects);
    // The rows of a post are lines that stand alone.
    const bool alone = batch->source == Source::kHttp;
    if (alone && result->batch_reason == v1::REJECT_REASON_TYPE) {
      return ApplyWellTyped(*batch, model, result, effects);
    }
    return model->CountRefused(*batch);
  }
  const Settings& settings = *impl_->share.settings;
  const bool may_register = settings.register_unknown_models || settings.Lists(batch->model);
  if (!may_register || reserved) {
    RefuseBatch(*batch, v1::REJECT_REASON_UNKNOWN_MODEL,
                absl::StrCat("model ", batch->model, " version ", batch->version,
                             " is unknown, and unknown_models is reject; create it first"),
                result);
    return;
  }
  auto made = impl_->NewModel(batch->model, batch->version);
  if (!made.ok()) {
    RefuseBatch(*batch, v1::REJECT_REASON_LIMIT, std::string(made.status().message()), result);
    return;
  }
  // A model whose first batch is refused is not registered.
  if (!(*made)->TakeColumns(*batch, result)) return;
  impl_->Register(*std::move(made), batch->received_ns, effects)->CountRows(batch, result, effects);
}

void Shard::SetHelpers(Parallel* helpers) { impl_->share.helpers = helpers; }

void Shard::Resume() {
  for (auto& [hash, model] : impl_->models) model->Resume();
}

void Shard::Tick(int64_t now_ns, Effects* effects) {
  impl_->Reconcile(now_ns, effects);
  effects->by = Principal::Daemon();
  for (auto& [hash, model] : impl_->models) model->Tick(now_ns, effects);
}

void Shard::TakeCheckpoint(Effects* effects) {
  for (auto& [hash, model] : impl_->models) model->TakeCheckpoint(effects);
}

uint64_t Shard::memory_bytes() const {
  uint64_t bytes = 0;
  for (const auto& [hash, model] : impl_->models) bytes += model->memory_bytes();
  return bytes;
}

uint64_t Shard::signals() const { return impl_->share.signals; }

}  // namespace faultline
