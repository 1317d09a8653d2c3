#include "daemon/runtime/shard_thread.h"

#include <pthread.h>

#include <optional>
#include <string>
#include <utility>

namespace faultline {
namespace {

// Bytes of the effects after the first `writes` writes and `incidents` incidents.
uint64_t BytesSince(const Effects& effects, size_t writes, size_t incidents) {
  uint64_t bytes = 0;
  for (size_t i = writes; i < effects.writes.size(); ++i) {
    const StateWrite& write = effects.writes[i];
    bytes += write.key.size() + (write.value.has_value() ? write.value->size() : 0);
  }
  for (size_t i = incidents; i < effects.incidents.size(); ++i) {
    bytes += effects.incidents[i].incident.SpaceUsedLong();
  }
  return bytes;
}

}  // namespace

ShardThread::ShardThread(std::shared_ptr<const Settings> settings) : shard_(std::move(settings)) {}

ShardThread::~ShardThread() { Stop(); }

void ShardThread::StartWithoutThread(std::function<void(uint64_t bytes)> charge) {
  charge_ = std::move(charge);
}

bool ShardThread::DoNext() {
  std::optional<Work> next;
  {
    std::lock_guard lock(mutex_);
    if (queue_.empty()) return false;
    next = std::move(queue_.front());
    queue_.pop_front();
  }
  std::visit([this](auto& item) { Do(item); }, *next);
  return true;
}

void ShardThread::Start(uint32_t number, std::function<void(uint64_t bytes)> charge) {
  charge_ = std::move(charge);
  thread_ = std::thread([this] { Run(); });
  pthread_setname_np(thread_.native_handle(), ("shard " + std::to_string(number)).c_str());
}

void ShardThread::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

WorkProgress ShardThread::progress() {
  std::lock_guard lock(mutex_);
  return {.done = done_, .waiting = working_ || !queue_.empty()};
}

void ShardThread::Push(Work work) {
  {
    std::lock_guard lock(mutex_);
    queue_.push_back(std::move(work));
    if (queue_.size() > 1) return;  // The thread is awake or about to be.
  }
  wake_.notify_one();
}

void ShardThread::PushBatch(std::shared_ptr<const EventBatch> batch, uint64_t ticket,
                            BatchDone done) {
  Push(BatchWork{std::move(batch), ticket, std::move(done)});
}

void ShardThread::PushCommand(Command command, uint64_t ticket, CommandDone done) {
  Push(CommandWork{std::move(command), ticket, std::move(done)});
}

void ShardThread::PushTick(int64_t now_ns) {
  {
    std::lock_guard lock(mutex_);
    if (tick_waiting_) return;
    tick_waiting_ = true;
  }
  Push(TickWork{now_ns});
}

void ShardThread::PushCheckpoint(std::function<void(ShardCheckpoint)> collect) {
  Push(CheckpointWork{std::move(collect)});
}

void ShardThread::Run() {
  std::deque<Work> taken;
  while (true) {
    {
      std::unique_lock lock(mutex_);
      working_ = false;
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      taken.swap(queue_);
      working_ = true;
    }
    for (Work& work : taken) {
      std::visit([this](auto& item) { Do(item); }, work);
      ++done_;
    }
    taken.clear();
  }
}

void ShardThread::Do(BatchWork& work) {
  ShardCheckpoint::Batch& applied = checkpoint_.batches.emplace_back();
  applied.ticket = work.ticket;
  applied.rows = work.batch->rows;
  applied.done = std::move(work.done);
  const size_t writes = checkpoint_.effects.writes.size();
  const size_t incidents = checkpoint_.effects.incidents.size();
  shard_.Apply(work.batch, &applied.result, &checkpoint_.effects);
  const uint64_t bytes = BytesSince(checkpoint_.effects, writes, incidents);
  if (bytes > 0) charge_(bytes);
}

void ShardThread::Do(CommandWork& work) {
  ShardCheckpoint::Answer& answer = checkpoint_.answers.emplace_back();
  answer.ticket = work.ticket;
  answer.done = std::move(work.done);
  shard_.Apply(std::move(work.command), &answer.result, &checkpoint_.effects);
}

void ShardThread::Do(TickWork& work) {
  {
    std::lock_guard lock(mutex_);
    tick_waiting_ = false;
  }
  // The process was stopped, the machine suspended, the shard busy, or the clock set: what was not
  // observed is not silence.
  if (work.now_ns - std::exchange(last_tick_ns_, work.now_ns) > kUnwatchedNs) shard_.Resume();
  shard_.Tick(work.now_ns, &checkpoint_.effects);
}

void ShardThread::Do(CheckpointWork& work) {
  shard_.TakeCheckpoint(&checkpoint_.effects);
  checkpoint_.memory_bytes = shard_.memory_bytes();
  work.collect(std::exchange(checkpoint_, ShardCheckpoint{}));
}

}  // namespace faultline
