#include "daemon/runtime/committer.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "daemon/log/log.h"
#include "daemon/runtime/planted_bug.h"
#include "daemon/runtime/recording.h"

namespace faultline {
namespace {

constexpr int64_t kTickNs = 1'000'000'000;
constexpr int64_t kRetainNs = 60'000'000'000;
constexpr int64_t kPauseMaxNs = 5'000'000'000;
constexpr double kIntervalMaxNs = 10e9;

}  // namespace

Committer::Committer(std::shared_ptr<const Settings> settings, AdmissionGate* gate, size_t shards,
                     Store* store, Recorder* recorder, Board* board, Clock clock,
                     IncidentListener listener)
    : gate_(gate),
      store_(store),
      recorder_(recorder),
      board_(board),
      clock_(std::move(clock)),
      listener_(std::move(listener)),
      settings_(std::move(settings)),
      shards_(shards) {
  schedule_.last_tick_ns = clock_.steady_ns();
}

Committer::~Committer() { Stop(); }

void Committer::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Committer::Wake() {
  {
    std::lock_guard lock(mutex_);
    if (requests_.commit) return;
    requests_.commit = requests_.step = true;
  }
  wake_.notify_all();
}

void Committer::End() {
  {
    std::lock_guard lock(mutex_);
    requests_.stop = requests_.step = true;
  }
  wake_.notify_all();
}

void Committer::Stop() {
  End();
  if (thread_.joinable()) thread_.join();
}

bool Committer::stopping() const {
  std::lock_guard lock(mutex_);
  return requests_.stop;
}

void Committer::ApplySettings(std::shared_ptr<const Settings> settings) {
  std::lock_guard lock(mutex_);
  settings_ = std::move(settings);
}

void Committer::Run() {
  for (CommitterStep step; step.act != CommitterAct::kEnd; step = Step()) {
    std::unique_lock lock(mutex_);
    if (step.wait_ns > 0) {
      wake_.wait_for(lock, std::chrono::nanoseconds(step.wait_ns),
                     [this] { return requests_.step; });
    }
    requests_.step = false;
  }
}

CommitterStep Committer::Step() {
  const int64_t now_ns = clock_.steady_ns();
  switch (phase_) {
    case Phase::kIdle:
      return StepIdle(now_ns);
    case Phase::kGathering:
      return StepGathering(now_ns);
    case Phase::kWriting:
      return StepWriting(now_ns);
    case Phase::kEnded:
      break;
  }
  return {CommitterAct::kEnd};
}

CommitterStep Committer::StepIdle(int64_t now_ns) {
  std::unique_lock lock(mutex_);
  if (!requests_.stop) {
    const int64_t until_tick_ns = schedule_.last_tick_ns + kTickNs - now_ns;
    if (until_tick_ns <= 0) {
      schedule_.last_tick_ns = now_ns;
      requests_.commit = true;  // It may change something that the next checkpoint holds.
      lock.unlock();
      gate_->Tick(clock_.wall_ns());
      return {CommitterAct::kTick};
    }
    const int64_t until_checkpoint_ns =
        schedule_.last_checkpoint_ns +
        std::max(settings_->commit.interval_ns, schedule_.interval_ns) - now_ns;
    if (!requests_.commit) return {CommitterAct::kNone, until_tick_ns};
    if (until_checkpoint_ns > 0) {
      return {CommitterAct::kNone, std::min(until_tick_ns, until_checkpoint_ns)};
    }
  }
  requests_.commit = false;
  commit_.last = requests_.stop;
  lock.unlock();
  TakeCheckpoint(now_ns);
  return {CommitterAct::kCheckpoint};
}

void Committer::TakeCheckpoint(int64_t now_ns) {
  schedule_.last_checkpoint_ns = now_ns;
  phase_ = Phase::kGathering;
  commit_.gate = gate_->TakeCheckpoint([this](ShardCheckpoint shard) {
    {
      std::lock_guard lock(mutex_);
      collected_.push_back(std::move(shard));
      if (collected_.size() < shards_) return;
      requests_.step = true;
    }
    wake_.notify_all();
  });
}

CommitterStep Committer::StepGathering(int64_t now_ns) {
  {
    std::lock_guard lock(mutex_);
    if (collected_.size() < shards_) return {CommitterAct::kNone, kTickNs};
    commit_.shards.swap(collected_);
  }
  composer_.Compose(&commit_);
  commit_.gathered_ns = now_ns;
  phase_ = Phase::kWriting;
  retry_ = Retry{};
  return {CommitterAct::kGather};
}

CommitterStep Committer::StepWriting(int64_t now_ns) {
  const bool patient = retry_.tries > 0 && !stopping();
  if (patient && now_ns < retry_.at_ns) return {CommitterAct::kNone, retry_.at_ns - now_ns};
  if (retry_.tries > 0) {
    const absl::Status reopened = store_->Reopen();
    if (!reopened.ok()) {
      Log(LogLevel::kError, "cannot reopen the store; retrying",
          {{"error", std::string(reopened.message())}});
    }
  }
  absl::Status status = Write();
  ++retry_.tries;
  if (status.ok()) {
    if (retry_.tries > 1) Log(LogLevel::kInfo, "the store accepts commits again");
    board_->SetStoreStatus(absl::OkStatus());
    phase_ = commit_.last ? Phase::kEnded : Phase::kIdle;
    Finish();
    return {CommitterAct::kCommit};
  }
  Log(LogLevel::kError,
      "the store refused a commit; retrying, and acknowledging nothing until it succeeds",
      {{"error", std::string(status.message())}});
  if (!Planted(PlantedBug::kHidesFailures)) board_->SetStoreStatus(std::move(status));
  if (Planted(PlantedBug::kAnswersRefusedCommits)) Answer();
  if (stopping()) {
    if (retry_.tries >= kStopTries) phase_ = Phase::kEnded;
    return {CommitterAct::kRefusal};
  }
  const int64_t pause_ns =
      std::exchange(retry_.pause_ns, std::min(retry_.pause_ns * 2, kPauseMaxNs));
  retry_.at_ns = clock_.steady_ns() + pause_ns;
  return {CommitterAct::kRefusal, pause_ns};
}

absl::Status Committer::Write() {
  if (commit_.writes.empty()) return absl::OkStatus();
  bool sync = false;
  {
    std::lock_guard lock(mutex_);
    sync = settings_->commit.sync;
  }
  return store_->Commit(commit_.writes, sync);
}

void Committer::Finish() {
  const double seconds = static_cast<double>(clock_.steady_ns() - commit_.gathered_ns) * 1e-9;
  SetInterval(commit_.bytes);
  Publish(seconds);
  Answer();
  Record();
  commit_ = Commit{};
}

void Committer::SetInterval(uint64_t bytes) {
  std::lock_guard lock(mutex_);
  const double per_second = static_cast<double>(settings_->commit.bytes_per_second);
  schedule_.interval_ns =
      static_cast<int64_t>(std::min(static_cast<double>(bytes) / per_second * 1e9, kIntervalMaxNs));
}

void Committer::Publish(double seconds) {
  ++made_.commits;
  made_.bytes += commit_.bytes;
  made_.times.Count(seconds);
  gate_->Committed(commit_.gate);
  std::vector<Board::Publication> publications;
  for (ShardCheckpoint& shard : commit_.shards) {
    for (auto& publication : shard.effects.publications) {
      publications.push_back(std::move(publication));
    }
  }
  const PipelineReading before = board_->ReadWithoutModels();
  PipelineReading reading;
  reading.rows = composer_.totals();
  reading.rows.received = gate_->rows().received;
  reading.rows.in_flight = reading.rows.received - composer_.totals().received;
  reading.queue_bytes = gate_->bytes();
  {
    std::lock_guard lock(mutex_);
    reading.queue_bytes_max = settings_->limits.queue_bytes;
    reading.memory_bytes_max = settings_->limits.memory_bytes;
    reading.commit_interval_ns = std::max(settings_->commit.interval_ns, schedule_.interval_ns);
  }
  reading.commits = made_.commits;
  reading.commit_bytes = made_.bytes;
  reading.commit_failures = before.commit_failures;
  reading.commit_seconds_last = seconds;
  reading.commit_times = made_.times;
  reading.commit_time_ns = clock_.wall_ns();
  reading.producers = gate_->producers();
  reading.state_bytes = store_->bytes();
  reading.compaction_debt_bytes = store_->compaction_debt_bytes();
  for (const ShardCheckpoint& shard : commit_.shards) reading.core_bytes += shard.memory_bytes;
  board_->Publish(std::move(publications), std::move(reading));
  for (const auto& [sequence, change] : commit_.changes) {
    if (listener_) listener_(sequence, change);
  }
}

void Committer::Answer() {
  struct Reply {
    uint64_t ticket;
    std::function<void()> call;
  };
  std::vector<Reply> replies;
  for (ShardCheckpoint& shard : commit_.shards) {
    for (ShardCheckpoint::Batch& batch : shard.batches) {
      if (batch.done) replies.push_back({batch.ticket, [&batch] { batch.done(batch.result); }});
    }
    for (ShardCheckpoint::Answer& answer : shard.answers) {
      if (answer.done)
        replies.push_back({answer.ticket, [&answer] { answer.done(answer.result); }});
    }
  }
  for (DuplicateBatch& duplicate : commit_.gate.duplicates) {
    replies.push_back({duplicate.ticket, [&duplicate] {
                         BatchResult result;
                         result.duplicate_rows = duplicate.rows;
                         duplicate.done(result);
                       }});
  }
  std::sort(replies.begin(), replies.end(),
            [](const Reply& a, const Reply& b) { return a.ticket < b.ticket; });
  for (const Reply& reply : replies) reply.call();
}

void Committer::Record() {
  if (recorder_ == nullptr) return;
  const int64_t now_ns = clock_.wall_ns();
  for (const ShardCheckpoint& shard : commit_.shards) {
    for (const RecordedBatch& recorded : shard.effects.recorded) {
      recorder_->Append(EncodeRecording(*recorded.batch, *recorded.settings), now_ns);
    }
  }
  if (now_ns - schedule_.last_retain_ns < kRetainNs) return;
  schedule_.last_retain_ns = now_ns;
  recorder_->Retain(now_ns);
}

}  // namespace faultline
