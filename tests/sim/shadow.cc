#include "tests/sim/shadow.h"

#include <algorithm>
#include <utility>

#include "daemon/core/settings/limits.h"
#include "daemon/runtime/incident_records.h"
#include "storage/tables/keys.h"
#include "tests/sim/plan.h"

namespace faultline::sim {

Shadow::Shadow(std::shared_ptr<const Settings> settings, uint32_t shards) {
  (void)Restarted(std::move(settings), shards);
}

std::string Shadow::Restarted(std::shared_ptr<const Settings> settings, uint32_t shards) {
  settings_ = std::move(settings);
  for (Core& core : cores_) core.last_tick_ns = 0;
  // One that did nothing yet would follow the configuration before.
  const bool fresh =
      std::any_of(cores_.begin(), cores_.end(), [](const Core& c) { return c.fresh; });
  if (cores_.size() == shards && !fresh) return {};
  cores_.clear();
  cores_.resize(shards);
  for (Core& core : cores_) core.shard = std::make_unique<Shard>(settings_);
  absl::Status status = RestoreTable(Table::kModel);
  for (const TableDescriptor& table : kTables) {
    if (table.tag != Table::kModel && status.ok()) status = RestoreTable(table.tag);
  }
  for (Core& core : cores_) {
    if (status.ok()) status = core.shard->FinishRestore();
  }
  return status.ok() ? std::string() : std::string(status.message());
}

absl::Status Shadow::RestoreTable(Table table) {
  const KeyRange range = TableRange(table);
  const auto shards = static_cast<uint32_t>(cores_.size());
  for (auto it = stored_.lower_bound(range.begin); it != stored_.end() && it->first < range.end;
       ++it) {
    const auto& [bytes, value] = *it;
    const absl::StatusOr<Key> key = ParseKey(bytes);
    if (!key.ok()) return key.status();
    if (table == Table::kModel) {
      const absl::StatusOr<std::string> name = ModelNameOfRecord(value);
      if (!name.ok()) return name.status();
      shard_of_[key->model_hash] = ShardOf(*name, shards);
    }
    for (uint32_t shard = 0; shard < shards; ++shard) {
      if (table != Table::kIncident && shard != shard_of_[key->model_hash]) continue;
      const absl::Status status = cores_[shard].shard->Restore(bytes, value);
      if (!status.ok()) return status;
    }
  }
  return absl::OkStatus();
}

std::string Shadow::Fold(const Input& input, uint32_t shard, BatchResult* result) {
  Core& core = cores_[shard];
  core.fresh &= input.kind == Input::Kind::kCheckpoint;
  CommandResult ignored;
  switch (input.kind) {
    case Input::Kind::kBatch:
      core.shard->Apply(input.batch, result, &core.effects);
      return CheckRows(*input.batch, *result);
    case Input::Kind::kCommand: {
      CommandAction action = input.action();
      if (const auto* gone = std::get_if<DeleteModel>(&action)) {
        clocks_.erase({gone->name, gone->version});
      }
      core.shard->Apply({input.now_ns, input.principal, std::move(action)}, &ignored,
                        &core.effects);
      return {};
    }
    case Input::Kind::kSettings:
      settings_ = input.settings;
      core.shard->Apply({input.now_ns, Principal::Configuration(), ApplySettings{input.settings}},
                        &ignored, &core.effects);
      return {};
    case Input::Kind::kTick:
      if (input.now_ns - std::exchange(core.last_tick_ns, input.now_ns) > kUnwatchedNs) {
        core.shard->Resume();
      }
      core.shard->Tick(input.now_ns, &core.effects);
      return {};
    case Input::Kind::kCheckpoint:
      return {};
  }
  return {};
}

std::string Shadow::CheckRows(const EventBatch& batch, const BatchResult& result) {
  if (batch.model != ModelName(0)) {
    return result.late_rows == 0 ? "" : "rows of a model with panes by rows are late";
  }
  const int64_t length = 2 * kSecond;
  const auto offset =
      static_cast<int64_t>(ModelHash(batch.model, batch.version) % static_cast<uint64_t>(length));
  PlainClock& clock = clocks_[{batch.model, batch.version}];
  uint64_t late = 0;
  uint64_t rejected = 0;
  uint64_t applied = 0;
  for (uint32_t row = 0; row < batch.rows; ++row) {
    const int64_t time = batch.times_ns[row];
    const int64_t latest = batch.received_ns + settings_->limits.future_ns;
    if (batch.IsRefused(row) || time < kEventTimeMinNs || time > latest) {
      ++rejected;
      continue;
    }
    const int64_t pane = (time - offset) / length;
    if (pane + 1 < clock.newest) {
      ++late;
      continue;
    }
    clock.newest = std::max(clock.newest, pane);
    ++applied;
  }
  if (late == result.late_rows && rejected == result.rejected_rows &&
      applied == result.applied_rows) {
    return {};
  }
  return "applied " + std::to_string(result.applied_rows) + " late " +
         std::to_string(result.late_rows) + " rejected " + std::to_string(result.rejected_rows) +
         ", by plain counting " + std::to_string(applied) + ", " + std::to_string(late) + ", " +
         std::to_string(rejected);
}

void Shadow::TakeCheckpoint(std::set<std::string>* changed) {
  for (Core& core : cores_) {
    core.shard->TakeCheckpoint(&core.effects);
    for (StateWrite& write : core.effects.writes) {
      changed->insert(write.key);
      if (write.value.has_value()) {
        stored_[write.key] = std::move(*write.value);
      } else {
        stored_.erase(write.key);
      }
    }
    for (IncidentChange& change : core.effects.incidents) {
      const std::string key = IncidentKey(change.id);
      changed->insert(key);
      if (change.removed) {
        stored_.erase(key);
        incidents_.erase(change.id);
      } else {
        stored_[key] = SealIncident(change.incident);
        incidents_.insert(change.id);
      }
      changes_[change.incident.model()].push_back(std::move(change));
    }
    for (auto& publication : core.effects.publications) {
      shown_[{publication.name, publication.version}] = std::move(publication.snapshot);
    }
    core.effects = {};
  }
}

}  // namespace faultline::sim
