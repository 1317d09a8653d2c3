#include "daemon/runtime/pipeline.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "daemon/core/shard/shard.h"
#include "daemon/runtime/admission.h"
#include "daemon/runtime/board.h"
#include "daemon/runtime/committer.h"
#include "daemon/runtime/planted_bug.h"
#include "daemon/runtime/row_totals.h"
#include "daemon/runtime/shard_thread.h"
#include "daemon/runtime/shared_threads.h"
#include "storage/tables/keys.h"

namespace faultline {
namespace {

// Memory of the store and the libraries under the largest supported load.
constexpr uint64_t kOtherBytes = 128ull << 20;
// Most threads that help a shard to count rows and judge panes of one model.
constexpr uint32_t kHelpersMax = 3;

absl::Status NameKey(const absl::Status& status, std::string_view key) {
  if (status.ok()) return status;
  return {status.code(), absl::StrCat(DescribeKey(key), ": ", status.message())};
}

}  // namespace

struct Pipeline::Impl {
  Impl(std::shared_ptr<const Settings> initial, Store* the_store, Recorder* recorder,
       IncidentListener listener, PipelineDrive the_drive)
      : drive(std::move(the_drive)), settings(std::move(initial)), store(the_store) {
    for (uint32_t i = 0; i < settings->shards; ++i) {
      shards.push_back(std::make_unique<ShardThread>(settings));
    }
    gate = std::make_unique<AdmissionGate>(*settings, &shards, drive.clock, drive.resident_bytes,
                                           [this] { committer->Wake(); });
    committer = std::make_unique<Committer>(settings, gate.get(), shards.size(), store, recorder,
                                            &board, drive.clock, std::move(listener));
  }

  absl::Status Restore();
  absl::Status RestoreModels();
  absl::Status RestoreRecord(std::string_view bytes, std::string_view value);
  absl::Status RestoreTotals();

  const PipelineDrive drive;
  mutable std::mutex mutex;
  std::shared_ptr<const Settings> settings;
  Store* const store;
  std::unique_ptr<SharedThreads> helpers;  // of the shards, which are destroyed first
  std::vector<std::unique_ptr<ShardThread>> shards;
  std::unique_ptr<AdmissionGate> gate;
  Board board;
  std::unique_ptr<Committer> committer;
  std::map<uint64_t, Shard*> shard_of_model;  // while restoring
  bool running = false;
};

absl::Status Pipeline::Impl::Restore() {
  absl::Status status = RestoreModels();
  if (!status.ok()) return status;
  for (const TableDescriptor& table : kTables) {
    if (table.tag == Table::kModel || table.read == TableRead::kOnDemand) continue;
    const KeyRange range = TableRange(table.tag);
    absl::Status record_status;
    status = store->Scan(range.begin, range.end, [&](std::string_view key, std::string_view value) {
      record_status = NameKey(RestoreRecord(key, value), key);
      return record_status.ok();
    });
    if (!status.ok()) return status;
    if (!record_status.ok()) return record_status;
  }
  for (const auto& shard : shards) {
    status = shard->shard().FinishRestore();
    if (!status.ok()) return status;
  }
  shard_of_model.clear();
  return RestoreTotals();
}

absl::Status Pipeline::Impl::RestoreModels() {
  const KeyRange range = TableRange(Table::kModel);
  absl::Status record_status;
  const absl::Status status =
      store->Scan(range.begin, range.end, [&](std::string_view bytes, std::string_view value) {
        const absl::StatusOr<Key> key = ParseKey(bytes);
        const absl::StatusOr<std::string> name = ModelNameOfRecord(value);
        record_status = key.ok() ? name.status() : key.status();
        if (record_status.ok()) {
          Shard& shard = shards[ShardOf(*name, static_cast<uint32_t>(shards.size()))]->shard();
          shard_of_model[key->model_hash] = &shard;
          record_status = shard.Restore(bytes, value);
        }
        record_status = NameKey(record_status, bytes);
        return record_status.ok();
      });
  return status.ok() ? record_status : status;
}

absl::Status Pipeline::Impl::RestoreRecord(std::string_view bytes, std::string_view value) {
  const absl::StatusOr<Key> key = ParseKey(bytes);
  if (!key.ok()) return key.status();
  switch (DescriptorOf(key->table).owner) {
    case TableOwner::kDaemon:
      break;  // Read by name.
    case TableOwner::kAdmission:
      return gate->producer_sequences().Restore(key->producer_id, value, drive.clock.steady_ns());
    case TableOwner::kIncidents: {
      absl::Status status;
      for (const auto& shard : shards) status.Update(shard->shard().Restore(bytes, value));
      return status;
    }
    case TableOwner::kModel: {
      const auto found = shard_of_model.find(key->model_hash);
      if (found == shard_of_model.end()) {
        return absl::DataLossError("the record of its model is missing");
      }
      return found->second->Restore(bytes, value);
    }
  }
  return absl::OkStatus();
}

absl::Status Pipeline::Impl::RestoreTotals() {
  const auto rows = store->Get(GlobalKey(Global::kRowTotals));
  if (!rows.ok()) return rows.status();
  const auto sequence = store->Get(GlobalKey(Global::kChangeSequence));
  if (!sequence.ok()) return sequence.status();
  RowTotals totals;
  uint64_t change_sequence = 0;
  if (rows->has_value()) {
    const absl::StatusOr<RowTotals> opened = OpenRowTotals(**rows);
    if (!opened.ok()) return NameKey(opened.status(), GlobalKey(Global::kRowTotals));
    totals = *opened;
  }
  if (sequence->has_value()) {
    const absl::StatusOr<uint64_t> opened = OpenChangeSequence(**sequence);
    if (!opened.ok()) return NameKey(opened.status(), GlobalKey(Global::kChangeSequence));
    change_sequence = *opened;
    if (Planted(PlantedBug::kRepeatsChanges) && change_sequence > 0) --change_sequence;
  }
  uint64_t oldest_change = change_sequence + 1;
  const KeyRange changes = TableRange(Table::kIncidentChange);
  absl::Status scanned =
      store->Scan(changes.begin, changes.end, [&](std::string_view bytes, std::string_view) {
        const absl::StatusOr<Key> key = ParseKey(bytes);
        if (key.ok()) oldest_change = key->change_sequence;
        return false;
      });
  if (!scanned.ok()) return scanned;
  FrontRows front;
  front.received = totals.received;
  front.duplicate = totals.duplicate;
  front.shed = totals.shed;
  gate->RestoreRows(front);
  committer->composer().Restore(totals, change_sequence, oldest_change);
  return absl::OkStatus();
}

Pipeline::Pipeline(std::shared_ptr<const Settings> settings, Store* store, Recorder* recorder,
                   IncidentListener listener, PipelineDrive drive)
    : impl_(std::make_unique<Impl>(std::move(settings), store, recorder, std::move(listener),
                                   std::move(drive))) {}

Pipeline::~Pipeline() {
  if (impl_->drive.threads) Stop();
}

absl::Status Pipeline::Start() {
  absl::Status status = impl_->Restore();
  if (!status.ok()) return status;
  impl_->running = true;
  const auto charge = [gate = impl_->gate.get()](uint64_t bytes) { gate->Charge(bytes); };
  impl_->committer->Wake();
  if (!impl_->drive.threads) {
    for (const auto& shard : impl_->shards) shard->StartWithoutThread(charge);
    return absl::OkStatus();
  }
  const uint32_t cores = std::thread::hardware_concurrency();
  impl_->helpers = std::make_unique<SharedThreads>(std::clamp(cores, 1u, kHelpersMax + 1) - 1);
  for (uint32_t i = 0; i < impl_->shards.size(); ++i) {
    impl_->shards[i]->shard().SetHelpers(impl_->helpers.get());
    impl_->shards[i]->Start(i, charge);
  }
  impl_->committer->Start();
  impl_->board.WaitForFirst();
  return absl::OkStatus();
}

void Pipeline::Stop() {
  impl_->gate->Close();
  if (!std::exchange(impl_->running, false)) return;
  impl_->committer->End();
  if (!impl_->drive.threads) return;
  impl_->committer->Stop();
  for (const auto& shard : impl_->shards) shard->Stop();
}

bool Pipeline::StepShard(uint32_t shard) { return impl_->shards[shard]->DoNext(); }

CommitterStep Pipeline::StepCommitter() { return impl_->committer->Step(); }

absl::StatusOr<uint64_t> Pipeline::Greet(const std::string& producer_id, uint64_t epoch) {
  return impl_->gate->Greet(producer_id, epoch);
}

Admission Pipeline::Submit(std::unique_ptr<EventBatch>* batch, const BatchName& name,
                           BatchDone done, uint64_t* expected) {
  return impl_->gate->Submit(batch, name, std::move(done), expected);
}

void Pipeline::WhenSpace(std::function<void()> callback) {
  impl_->gate->WhenSpace(std::move(callback));
}

void Pipeline::CountRejected(v1::RejectReason reason, uint64_t rows) {
  impl_->gate->CountRejected(reason, rows);
}

void Pipeline::CountShed(uint64_t rows) { impl_->gate->CountShed(rows); }

void Pipeline::Run(const std::string& model, const Principal& by, CommandAction action,
                   const CommandDone& done) {
  std::unique_lock lock(impl_->mutex, std::defer_lock);
  if (auto* apply = std::get_if<faultline::ApplySettings>(&action)) {
    // The number of shards does not change at run time, and limits are divided by it.
    auto settings = std::make_shared<Settings>(*apply->settings);
    settings->shards = static_cast<uint32_t>(impl_->shards.size());
    apply->settings = settings;
    // Held while it is pushed, so that the shards end with the settings that settings() gives.
    lock.lock();
    impl_->settings = apply->settings;
    impl_->committer->ApplySettings(apply->settings);
  }
  CommandResult result;
  result.status = impl_->gate->Run(model, by, std::move(action), done);
  if (lock.owns_lock()) lock.unlock();
  if (!result.status.ok() && done) done(result);
}

PipelineReading Pipeline::Read() const { return impl_->board.Read(); }

std::shared_ptr<const ModelSnapshot> Pipeline::ReadModel(std::string_view name,
                                                         std::string_view version) const {
  return impl_->board.ReadModel(name, version);
}

absl::Status Pipeline::ready() const {
  if (impl_->gate->closed()) return absl::UnavailableError("the daemon is stopping");
  return impl_->board.store_status();
}

// From five eighths of the ceiling on: memory that has been read into is charged, and given back,
// with a delay.
uint64_t Pipeline::unexplained_bytes() const {
  const uint64_t ceiling = settings()->limits.memory_bytes;
  const uint64_t resident = ceiling == 0 ? 0 : impl_->drive.resident_bytes();
  if (resident <= ceiling / 8 * 5) return 0;
  const PipelineReading reading = Read();
  const uint64_t explained =
      reading.core_bytes + reading.queue_bytes + std::max(ceiling / 8 * 3, kOtherBytes);
  return resident - std::min(resident, explained);
}

std::vector<WorkProgress> Pipeline::progress() const {
  std::vector<WorkProgress> all;
  for (const auto& shard : impl_->shards) all.push_back(shard->progress());
  return all;
}

std::shared_ptr<const Settings> Pipeline::settings() const {
  std::lock_guard lock(impl_->mutex);
  return impl_->settings;
}

}  // namespace faultline
