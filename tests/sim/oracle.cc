#include "tests/sim/oracle.h"

#include <algorithm>

#include "base/codec.h"
#include "daemon/runtime/admission.h"
#include "daemon/runtime/incident_records.h"
#include "daemon/runtime/row_totals.h"
#include "storage/tables/envelope.h"
#include "storage/tables/keys.h"
#include "storage/tables/records.h"

namespace faultline::sim {
namespace {

std::string Name(const std::string& producer, uint64_t epoch, uint64_t sequence) {
  return producer + " epoch " + std::to_string(epoch) + " sequence " + std::to_string(sequence);
}

bool SameAlerts(const std::vector<FiringAlert>& a, const std::vector<FiringAlert>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const FiringAlert& one, const FiringAlert& other) {
                      return one.signal == other.signal && one.detector == other.detector &&
                             one.severity == other.severity && one.silenced == other.silenced;
                    });
}

}  // namespace

void Oracle::Rows::Add(const Rows& other) {
  received += other.received;
  duplicate += other.duplicate;
  shed += other.shed;
  applied += other.applied;
  late += other.late;
  for (size_t i = 0; i < rejected.size(); ++i) rejected[i] += other.rejected[i];
}

Oracle::Oracle(const SimStore* store, std::shared_ptr<const Settings> settings, uint32_t shards)
    : store_(store), shadow_(settings, shards) {
  Crashed(std::move(settings), shards);
}

void Oracle::Violate(const char* invariant, const std::string& what) {
  if (violation_.empty()) violation_ = std::string(invariant) + ": " + what;
}

uint64_t Oracle::CommittedThrough(const std::string& producer, uint64_t epoch) const {
  const auto found = committed_.find({producer, epoch});
  return found == committed_.end() ? 0 : found->second;
}

std::string Oracle::OwnerOf(uint64_t incident) const {
  const auto opened = OpenIncident(store_->Value(IncidentKey(incident)));
  return opened.ok() ? opened->model() : std::string();
}

void Oracle::Push(uint32_t shard, Input input) {
  // The first thing a restored shard meets lets it follow the configuration of the day.
  if (reconcile_[shard] != nullptr && input.kind != Input::Kind::kCheckpoint) {
    Input settings;
    settings.kind = Input::Kind::kSettings;
    settings.now_ns = input.now_ns;
    settings.settings = std::move(reconcile_[shard]);
    reconcile_[shard] = nullptr;
    // Done together with what it comes before.
    settings.model = "+";
    queues_[shard].push_back(std::move(settings));
  }
  queues_[shard].push_back(std::move(input));
}

void Oracle::PushToAll(const Input& input) {
  for (uint32_t shard = 0; shard < queues_.size(); ++shard) Push(shard, input);
}

void Oracle::Submitted(Admission admission, Input batch, uint64_t bytes, uint64_t queue_max) {
  if (admission != Admission::kAccepted && admission != Admission::kDuplicate) return;
  const bool duplicate = admission == Admission::kDuplicate;
  const uint64_t charge =
      duplicate ? AdmissionGate::kBatchBytesMin : std::max(bytes, AdmissionGate::kBatchBytesMin);
  if (charged_ > 0 && charged_ + charge > queue_max) {
    Violate("I4", "admitted " + std::to_string(charge) + " bytes to " + std::to_string(charged_) +
                      " of " + std::to_string(queue_max));
  }
  charged_ += charge;
  since_line_.received += batch.batch->rows;
  if (duplicate) {
    since_line_.duplicate += batch.batch->rows;
    return;
  }
  const uint32_t shard = ShardOf(batch.model, static_cast<uint32_t>(queues_.size()));
  Push(shard, std::move(batch));
}

void Oracle::Rejected(v1::RejectReason reason, uint64_t rows) {
  since_line_.received += rows;
  since_line_.rejected[reason] += rows;
}

void Oracle::Shed(uint64_t rows) {
  since_line_.received += rows;
  since_line_.shed += rows;
}

void Oracle::Commanded(Input command) {
  const uint32_t shard = ShardOf(command.model, static_cast<uint32_t>(queues_.size()));
  Push(shard, std::move(command));
}

void Oracle::Reloaded(std::shared_ptr<const Settings> settings, int64_t now_ns) {
  Input input;
  input.kind = Input::Kind::kSettings;
  input.now_ns = now_ns;
  input.settings = std::move(settings);
  PushToAll(input);
}

void Oracle::Ticked(int64_t now_ns) {
  Input input;
  input.now_ns = now_ns;
  for (uint32_t shard = 0; shard < queues_.size(); ++shard) {
    const bool waits = std::any_of(queues_[shard].begin(), queues_[shard].end(),
                                   [](const Input& i) { return i.kind == Input::Kind::kTick; });
    if (!waits) Push(shard, input);
  }
}

void Oracle::Line() {
  Input checkpoint;
  checkpoint.kind = Input::Kind::kCheckpoint;
  PushToAll(checkpoint);
  of_line_.Add(since_line_);
  since_line_ = {};
  charged_of_line_ = charged_;
  line_there_ = false;
}

void Oracle::ShardDid(uint32_t shard) {
  if (queues_[shard].empty()) return Violate("sim", "a shard did work that was not queued");
  const bool settings_first = queues_[shard].front().model == "+";
  for (int i = settings_first ? 0 : 1; i < 2; ++i) {
    done_[shard].push_back(std::move(queues_[shard].front()));
    queues_[shard].pop_front();
  }
}

void Oracle::There(const SimStore::Writes& writes) {
  if (std::exchange(line_there_, true)) return;  // The same writes once more.
  for (uint32_t shard = 0; shard < done_.size(); ++shard) FoldShard(shard);
  TakeBatches();
  rows_.Add(of_line_);
  of_line_ = {};
  std::set<std::string> keys;
  shadow_.TakeCheckpoint(&keys);
  CheckChanges(writes);
  for (const StateWrite& write : writes) keys.insert(write.key);
  CheckKeys(keys);
  CheckCommittedSequences();
  CheckRows();
}

void Oracle::FoldShard(uint32_t shard) {
  std::deque<Input>& done = done_[shard];
  auto checkpoint = std::find_if(done.rbegin(), done.rend(),
                                 [](const Input& i) { return i.kind == Input::Kind::kCheckpoint; });
  for (auto left = std::distance(checkpoint, done.rend()); left > 0; --left) {
    const Input input = std::move(done.front());
    done.pop_front();
    BatchResult result;
    const std::string wrong = shadow_.Fold(input, shard, &result);
    if (!wrong.empty()) Violate("I2", wrong);
    if (input.kind != Input::Kind::kBatch) continue;
    *input.there = true;
    rows_.applied += result.applied_rows;
    rows_.late += result.late_rows;
    for (size_t i = 0; i < rows_.rejected.size(); ++i) {
      rows_.rejected[i] += result.rejected_by_reason[i];
    }
    if (input.producer.empty()) continue;
    batches_.emplace(input.producer, input.epoch, input.sequence);
    uint64_t& epoch = epochs_[input.producer];
    epoch = std::max(epoch, input.epoch);
  }
}

// Shards are folded one after the other, sequences count through all of them.
void Oracle::TakeBatches() {
  for (const auto& [producer, epoch, sequence] : batches_) {
    uint64_t& through = committed_[{producer, epoch}];
    if (sequence != through + 1) {
      Violate("I1",
              Name(producer, epoch, sequence) + " is applied after " + std::to_string(through));
    }
    through = sequence;
  }
  batches_.clear();
}

void Oracle::CheckChanges(const SimStore::Writes& writes) {
  for (const StateWrite& write : writes) {
    const absl::StatusOr<Key> key = ParseKey(write.key);
    if (!key.ok()) return Violate("I5", "a commit writes under what is no key");
    if (key->table != Table::kIncidentChange || !write.value.has_value()) continue;
    const auto record = OpenIncidentChange(*write.value);
    if (!record.ok()) return Violate("I7", "an incident change cannot be read");
    if (record->sequence != ++changes_ || key->change_sequence != changes_) {
      return Violate("I7", "incident change " + std::to_string(record->sequence) + " follows " +
                               std::to_string(changes_ - 1));
    }
    std::deque<IncidentChange>& due = shadow_.changes()[record->change.incident.model()];
    if (due.empty() || SealIncidentChange(changes_, due.front()) != *write.value) {
      return Violate("I7", "a run without interruption would not have made the incident change " +
                               std::to_string(changes_));
    }
    due.pop_front();
  }
  for (const auto& [model, due] : shadow_.changes()) {
    if (!due.empty()) Violate("I7", "an incident change of " + model + " was not stored");
  }
}

void Oracle::CheckKeys(const std::set<std::string>& keys) {
  for (const std::string& bytes : keys) {
    const absl::StatusOr<Key> key = ParseKey(bytes);
    if (!key.ok()) continue;
    const bool of_core =
        DescriptorOf(key->table).owner == TableOwner::kModel || key->table == Table::kIncident;
    if (!of_core) continue;
    const auto found = shadow_.stored().find(bytes);
    const std::string expected = found == shadow_.stored().end() ? "" : found->second;
    if (store_->Value(bytes) != expected) {
      const bool people = key->table == Table::kIncident || key->table == Table::kAlerts;
      Violate(people ? "I7" : "I3",
              DescribeKey(bytes) + " differs from that of a run without interruption");
    }
  }
}

void Oracle::CheckCommittedSequences() {
  for (const auto& [producer, epoch] : epochs_) {
    const std::string value = store_->Value(CommittedSequenceKey(producer));
    const absl::StatusOr<std::string_view> payload = OpenRecord(Table::kCommittedSequence, value);
    if (!payload.ok())
      return Violate("I1", "the committed sequence of " + producer + " is missing");
    Decoder in(*payload);
    const uint64_t stored_epoch = in.Varint();
    const uint64_t stored = in.Varint();
    if (stored_epoch < epoch || stored != CommittedThrough(producer, stored_epoch)) {
      Violate("I1", "the committed sequence says " + Name(producer, stored_epoch, stored) +
                        ", applied is " + Name(producer, epoch, CommittedThrough(producer, epoch)));
    }
  }
}

RowTotals Oracle::Totals() const {
  RowTotals totals;
  totals.received = rows_.received;
  totals.duplicate = rows_.duplicate;
  totals.shed = rows_.shed;
  totals.applied = rows_.applied;
  totals.late = rows_.late;
  for (size_t i = 0; i < rows_.rejected.size(); ++i) {
    if (rows_.rejected[i] == 0) continue;
    totals.rejected += rows_.rejected[i];
    totals.rejected_by_reason[RejectReasonName(static_cast<v1::RejectReason>(i))] =
        rows_.rejected[i];
  }
  return totals;
}

void Oracle::CheckRows() {
  const std::string value = store_->Value(GlobalKey(Global::kRowTotals));
  const RowTotals expected = Totals();
  if (value.empty() ? expected.received > 0 : value != SealRowTotals(expected)) {
    Violate("I2", "the stored row totals are not those of what is committed");
  }
}

void Oracle::Refused() { ++failures_; }

void Oracle::Crashed(std::shared_ptr<const Settings> settings, uint32_t shards) {
  const std::string wrong = shadow_.Restarted(settings, shards);
  if (!wrong.empty()) Violate("I1", "cannot be restored: " + wrong);
  queues_.assign(shards, {});
  done_.assign(shards, {});
  reconcile_.assign(shards, settings);
  since_line_ = of_line_ = {};
  line_there_ = false;
  charged_ = charged_of_line_ = failures_ = 0;
  told_ = changes_;
}

void Oracle::Acknowledged(const Input& batch, const BatchResult& result) {
  const uint64_t rows =
      result.applied_rows + result.late_rows + result.rejected_rows + result.duplicate_rows;
  if (rows != batch.batch->rows) {
    Violate("I2", "an acknowledgement does not add up to the rows of its batch");
  }
  const bool there = batch.producer.empty()
                         ? *batch.there
                         : CommittedThrough(batch.producer, batch.epoch) >= batch.sequence;
  if (!batch.producer.empty()) {
    uint64_t& acknowledged = acknowledged_[{batch.producer, batch.epoch}];
    acknowledged = std::max(acknowledged, batch.sequence);
  }
  if (!there) {
    Violate("I1", Name(batch.producer, batch.epoch, batch.sequence) +
                      " is acknowledged and not committed");
  }
}

// What is there though its commit was refused may not be known yet; what was acknowledged is.
void Oracle::Greeted(const std::string& producer, uint64_t epoch, uint64_t committed) {
  const uint64_t least = acknowledged_[{producer, epoch}];
  const uint64_t most = CommittedThrough(producer, epoch);
  if (committed < least || committed > most) {
    Violate("I1", "a producer is told " + Name(producer, epoch, committed) + ", acknowledged is " +
                      std::to_string(least) + ", committed " + std::to_string(most));
  }
}

void Oracle::Told(uint64_t change_sequence, const IncidentChange& change) {
  if (change_sequence != ++told_) {
    Violate("I7", "told of change " + std::to_string(change_sequence) + " after " +
                      std::to_string(told_ - 1));
  }
  const std::string stored = store_->Value(IncidentChangeKey(change_sequence));
  if (stored != SealIncidentChange(change_sequence, change)) {
    Violate("I7", "told of change " + std::to_string(change_sequence) + ", which is not stored");
  }
}

void Oracle::Committed(const Pipeline& pipeline) {
  charged_ -= std::exchange(charged_of_line_, 0);
  for (const auto& [name, expected] : shadow_.shown()) {
    const auto shown = pipeline.ReadModel(name.first, name.second);
    if ((shown == nullptr) != (expected == nullptr)) {
      Violate("I7", "model " + name.first + " is shown and should not be, or is not and should");
    }
    if (shown == nullptr || expected == nullptr) continue;
    if (!(shown->totals == expected->totals)) {
      Violate("I2", "the totals shown of " + name.first + " are not those of what is committed");
    }
    if (!SameAlerts(shown->alerts, expected->alerts) ||
        shown->incidents_open != expected->incidents_open ||
        shown->incidents_total != expected->incidents_total) {
      Violate("I7", "the alerts shown of " + name.first + " are not those that are committed");
    }
  }
  Check(pipeline, false);
}

void Oracle::Check(const Pipeline& pipeline, bool between_commits) {
  const PipelineReading reading = pipeline.Read();
  const RowTotals& rows = reading.rows;
  if (rows.received !=
      rows.applied + rows.duplicate + rows.late + rows.rejected + rows.shed + rows.in_flight) {
    Violate("I2", "the rows shown do not add up");
  }
  if (rows.applied != rows_.applied || rows.late != rows_.late) {
    // Between a commit that is there and its answer the old ones are shown.
    if (!between_commits && reading.commits > 0) {
      Violate("I2", "the rows shown are not those that are committed");
    }
  }
  if (reading.commit_failures != failures_) {
    Violate("I5", "the commits that failed do not show in the metrics");
  }
}

void Oracle::CheckStore() {
  std::set<std::string> keys;
  for (const auto& [key, value] : shadow_.stored()) keys.insert(key);
  store_
      ->Scan("", "",
             [&](std::string_view key, std::string_view) {
               keys.emplace(key);
               return true;
             })
      .IgnoreError();
  CheckKeys(keys);
  CheckCommittedSequences();
  CheckRows();
}

void Oracle::CheckQuiet(const Pipeline& pipeline) {
  const PipelineReading reading = pipeline.Read();
  if (reading.rows.in_flight != 0) Violate("I2", "rows are in flight, and nothing is under way");
  if (reading.queue_bytes != 0) Violate("I4", "bytes are charged, and nothing is under way");
  if (!pipeline.ready().ok()) Violate("I5", "not ready, and the store works");
  CheckStore();
}

}  // namespace faultline::sim
