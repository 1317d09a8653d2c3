#include "daemon/runtime/committer.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/check.h"
#include "base/codec.h"
#include "daemon/log/log.h"
#include "daemon/runtime/incident_records.h"
#include "daemon/runtime/planted_bug.h"
#include "daemon/runtime/recording.h"
#include "daemon/runtime/row_totals.h"
#include "storage/tables/keys.h"

namespace faultline {
namespace {

constexpr int64_t kTickNs = 1'000'000'000;
constexpr int64_t kRetainNs = 60'000'000'000;
constexpr int64_t kPauseNs = 200'000'000;
constexpr int64_t kPauseMaxNs = 5'000'000'000;
constexpr double kIntervalMaxNs = 10e9;
// Changes that a watcher can resume over.
constexpr uint64_t kChangesKept = 10'000;

}  // namespace

Committer::Committer(std::shared_ptr<const Settings> settings, AdmissionGate* gate, size_t shards,
                     Store* store, Recorder* recorder, Board* board, Clock clock,
                     Pipeline::IncidentListener listener)
    : gate_(gate),
      store_(store),
      recorder_(recorder),
      board_(board),
      clock_(std::move(clock)),
      listener_(std::move(listener)),
      settings_(std::move(settings)),
      shards_(shards),
      last_tick_ns_(clock_.steady_ns()) {}

Committer::~Committer() { Stop(); }

void Committer::Restore(const RowTotals& totals, uint64_t change_sequence, uint64_t oldest_change) {
  totals_ = totals;
  change_sequence_ = change_sequence;
  oldest_change_ = oldest_change;
  for (size_t reason = 0; reason < core_rejected_.size(); ++reason) {
    const auto found =
        totals.rejected_by_reason.find(RejectReasonName(static_cast<v1::RejectReason>(reason)));
    if (found != totals.rejected_by_reason.end()) core_rejected_[reason] = found->second;
  }
}

void Committer::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Committer::Wake() {
  {
    std::lock_guard lock(mutex_);
    if (woken_) return;
    woken_ = signalled_ = true;
  }
  wake_.notify_all();
}

void Committer::End() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = signalled_ = true;
  }
  wake_.notify_all();
}

void Committer::Stop() {
  End();
  if (thread_.joinable()) thread_.join();
}

bool Committer::stopping() const {
  std::lock_guard lock(mutex_);
  return stopping_;
}

void Committer::ApplySettings(std::shared_ptr<const Settings> settings) {
  std::lock_guard lock(mutex_);
  settings_ = std::move(settings);
}

void Committer::Run() {
  for (CommitterStep step; step.act != CommitterAct::kEnd; step = Step()) {
    std::unique_lock lock(mutex_);
    if (step.wait_ns > 0) {
      wake_.wait_for(lock, std::chrono::nanoseconds(step.wait_ns), [this] { return signalled_; });
    }
    signalled_ = false;
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
  if (!stopping_) {
    const int64_t until_tick_ns = last_tick_ns_ + kTickNs - now_ns;
    if (until_tick_ns <= 0) {
      last_tick_ns_ = now_ns;
      woken_ = true;  // It may have changed something; the next line lies behind it.
      lock.unlock();
      gate_->Tick(clock_.wall_ns());
      return {CommitterAct::kTick};
    }
    const int64_t until_cut_ns =
        last_cut_ns_ + std::max(settings_->commit_interval_ns, interval_ns_) - now_ns;
    if (!woken_) return {CommitterAct::kNone, until_tick_ns};
    if (until_cut_ns > 0) {
      return {CommitterAct::kNone, std::min(until_tick_ns, until_cut_ns)};
    }
  }
  woken_ = false;
  last_ = stopping_;
  lock.unlock();
  DrawLine(now_ns);
  return {CommitterAct::kLine};
}

void Committer::DrawLine(int64_t now_ns) {
  last_cut_ns_ = now_ns;
  phase_ = Phase::kGathering;
  commit_.line = gate_->Cut([this](ShardCut cut) {
    {
      std::lock_guard lock(mutex_);
      collected_.push_back(std::move(cut));
      if (collected_.size() < shards_) return;
      signalled_ = true;
    }
    wake_.notify_all();
  });
}

CommitterStep Committer::StepGathering(int64_t now_ns) {
  {
    std::lock_guard lock(mutex_);
    if (collected_.size() < shards_) return {CommitterAct::kNone, kTickNs};
    commit_.cuts.swap(collected_);
  }
  Compose();
  phase_ = Phase::kWriting;
  tries_ = 0;
  pause_ns_ = kPauseNs;
  gathered_ns_ = now_ns;
  return {CommitterAct::kGather};
}

CommitterStep Committer::StepWriting(int64_t now_ns) {
  const bool patient = tries_ > 0 && !stopping();
  if (patient && now_ns < retry_ns_) return {CommitterAct::kNone, retry_ns_ - now_ns};
  if (tries_ > 0) {
    const absl::Status reopened = store_->Reopen();
    if (!reopened.ok()) {
      Log(LogLevel::kError, "the store cannot be reopened",
          {{"error", std::string(reopened.message())}});
    }
  }
  absl::Status status = Write();
  ++tries_;
  if (status.ok()) {
    if (tries_ > 1) Log(LogLevel::kInfo, "the store takes commits again");
    board_->SetStoreStatus(absl::OkStatus());
    Finish();
    phase_ = last_ ? Phase::kEnded : Phase::kIdle;
    return {CommitterAct::kCommit};
  }
  Log(LogLevel::kError, "the store refused a commit; nothing is acknowledged until it takes it",
      {{"error", std::string(status.message())}});
  if (!Planted(PlantedBug::kHidesFailures)) board_->SetStoreStatus(std::move(status));
  if (Planted(PlantedBug::kAnswersRefusedCommits)) Answer();
  if (stopping()) {
    if (tries_ >= kStopTries) phase_ = Phase::kEnded;
    return {CommitterAct::kRefusal};
  }
  const int64_t pause_ns = std::exchange(pause_ns_, std::min(pause_ns_ * 2, kPauseMaxNs));
  retry_ns_ = clock_.steady_ns() + pause_ns;
  return {CommitterAct::kRefusal, pause_ns};
}

absl::Status Committer::Write() {
  if (commit_.writes.empty()) return absl::OkStatus();
  bool sync = false;
  {
    std::lock_guard lock(mutex_);
    sync = settings_->commit_sync;
  }
  return store_->Commit(commit_.writes, sync);
}

void Committer::Finish() {
  const double seconds = static_cast<double>(clock_.steady_ns() - gathered_ns_) * 1e-9;
  SetInterval(commit_.bytes);
  Publish(seconds);
  Answer();
  Record();
  commit_ = Commit{};
}

void Committer::SetInterval(uint64_t bytes) {
  std::lock_guard lock(mutex_);
  const double per_second = static_cast<double>(settings_->commit_bytes_per_second);
  interval_ns_ =
      static_cast<int64_t>(std::min(static_cast<double>(bytes) / per_second * 1e9, kIntervalMaxNs));
}

void Committer::Compose() {
  for (ShardCut& cut : commit_.cuts) {
    commit_.writes.insert(commit_.writes.end(), std::make_move_iterator(cut.effects.writes.begin()),
                          std::make_move_iterator(cut.effects.writes.end()));
    cut.effects.writes.clear();
    if (Planted(PlantedBug::kLosesAWrite) && commit_.writes.size() > 8) commit_.writes.pop_back();
    for (const Note& note : cut.effects.notes) {
      Log(LogLevel::kInfo, "state changed", {{"what", note.text}, {"by", NameOf(note.by)}});
    }
  }
  AddIncidents();
  AddRows();
  for (StateWrite& mark : commit_.line.marks) commit_.writes.push_back(std::move(mark));
  for (const StateWrite& write : commit_.writes) {
    commit_.bytes += write.key.size() + (write.value.has_value() ? write.value->size() : 0);
  }
}

void Committer::AddIncidents() {
  const uint64_t before = change_sequence_;
  for (ShardCut& cut : commit_.cuts) {
    for (IncidentChange& change : cut.effects.incidents) {
      for (StateWrite& write : IncidentWrites(change)) commit_.writes.push_back(std::move(write));
      ++change_sequence_;
      commit_.writes.push_back(
          {IncidentChangeKey(change_sequence_), SealIncidentChange(change_sequence_, change)});
      commit_.changes.emplace_back(change_sequence_, std::move(change));
    }
  }
  if (change_sequence_ == before) return;
  for (; oldest_change_ + kChangesKept <= change_sequence_; ++oldest_change_) {
    commit_.writes.push_back({IncidentChangeKey(oldest_change_), std::nullopt});
  }
  commit_.writes.push_back(
      {GlobalKey(Global::kChangeSequence), SealChangeSequence(change_sequence_)});
}

void Committer::AddRows() {
  const EdgeRows& edge = commit_.line.rows;
  RowTotals totals = totals_;
  for (const ShardCut& cut : commit_.cuts) {
    for (const ShardCut::Batch& batch : cut.batches) {
      const BatchResult& result = batch.result;
      FAULTLINE_CHECK(result.applied_rows + result.late_rows + result.rejected_rows == batch.rows,
                      "the core accounts for every row of a batch");
      totals.applied += result.applied_rows;
      if (!Planted(PlantedBug::kForgetsLateRows)) totals.late += result.late_rows;
      for (size_t reason = 0; reason < core_rejected_.size(); ++reason) {
        core_rejected_[reason] += result.rejected_by_reason[reason];
      }
    }
  }
  totals.received = edge.received;
  totals.duplicate = edge.duplicate;
  totals.shed = edge.shed;
  totals.rejected = 0;
  totals.rejected_by_reason.clear();
  for (size_t reason = 0; reason < core_rejected_.size(); ++reason) {
    const uint64_t rows = edge.rejected[reason] + core_rejected_[reason];
    totals.rejected += rows;
    if (rows > 0) {
      totals.rejected_by_reason[RejectReasonName(static_cast<v1::RejectReason>(reason))] = rows;
    }
  }
  if (SameRows(totals, totals_)) return;
  totals_ = totals;
  commit_.writes.push_back({GlobalKey(Global::kRowTotals), SealRowTotals(totals_)});
}

void Committer::Publish(double seconds) {
  ++commits_;
  commit_bytes_ += commit_.bytes;
  commit_times_.Count(seconds);
  gate_->Committed(commit_.line);
  std::vector<Board::Publication> publications;
  for (ShardCut& cut : commit_.cuts) {
    for (auto& publication : cut.effects.publications) {
      publications.push_back(std::move(publication));
    }
  }
  const PipelineReading before = board_->ReadWithoutModels();
  PipelineReading reading;
  reading.rows = totals_;
  reading.rows.received = gate_->rows().received;
  reading.rows.in_flight = reading.rows.received - totals_.received;
  reading.queue_bytes = gate_->bytes();
  {
    std::lock_guard lock(mutex_);
    reading.queue_bytes_max = settings_->queue_bytes_max;
    reading.memory_bytes_max = settings_->memory_bytes_max;
    reading.commit_interval_ns = std::max(settings_->commit_interval_ns, interval_ns_);
  }
  reading.commits = commits_;
  reading.commit_bytes = commit_bytes_;
  reading.commit_failures = before.commit_failures;
  reading.commit_seconds_last = seconds;
  reading.commit_times = commit_times_;
  reading.commit_time_ns = clock_.wall_ns();
  reading.producers = gate_->producers();
  reading.state_bytes = store_->bytes();
  reading.compaction_debt_bytes = store_->compaction_debt_bytes();
  for (const ShardCut& cut : commit_.cuts) reading.core_bytes += cut.memory_bytes;
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
  for (ShardCut& cut : commit_.cuts) {
    for (ShardCut::Batch& batch : cut.batches) {
      if (batch.done) replies.push_back({batch.ticket, [&batch] { batch.done(batch.result); }});
    }
    for (ShardCut::Answer& answer : cut.answers) {
      if (answer.done)
        replies.push_back({answer.ticket, [&answer] { answer.done(answer.result); }});
    }
  }
  for (DuplicateBatch& duplicate : commit_.line.duplicates) {
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
  for (const ShardCut& cut : commit_.cuts) {
    for (const RecordedBatch& recorded : cut.effects.recorded) {
      recorder_->Append(EncodeRecording(*recorded.batch, *recorded.settings), now_ns);
    }
  }
  if (now_ns - last_retain_ns_ < kRetainNs) return;
  last_retain_ns_ = now_ns;
  recorder_->Retain(now_ns);
}

}  // namespace faultline
