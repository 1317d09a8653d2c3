#include "daemon/shard_thread.h"

#include <utility>

namespace faultline {

ShardThread::ShardThread(std::shared_ptr<const Settings> settings) : shard_(std::move(settings)) {}

ShardThread::~ShardThread() { Stop(); }

void ShardThread::Start() {
  thread_ = std::thread([this] { Run(); });
}

void ShardThread::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
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
                            Pipeline::BatchDone done) {
  Push(BatchWork{std::move(batch), ticket, std::move(done)});
}

void ShardThread::PushCommand(Command command, uint64_t ticket, Pipeline::CommandDone done) {
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

void ShardThread::PushCut(std::function<void(ShardCut)> collect) {
  Push(CutWork{std::move(collect)});
}

void ShardThread::Run() {
  std::deque<Work> taken;
  while (true) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      taken.swap(queue_);
    }
    for (Work& work : taken) std::visit([this](auto& item) { Do(item); }, work);
    taken.clear();
  }
}

void ShardThread::Do(BatchWork& work) {
  ShardCut::Batch& applied = cut_.batches.emplace_back();
  applied.ticket = work.ticket;
  applied.rows = work.batch->rows;
  applied.done = std::move(work.done);
  shard_.Apply(work.batch, &applied.result, &cut_.effects);
}

void ShardThread::Do(CommandWork& work) {
  ShardCut::Answer& answer = cut_.answers.emplace_back();
  answer.ticket = work.ticket;
  answer.done = std::move(work.done);
  shard_.Apply(std::move(work.command), &answer.result, &cut_.effects);
}

void ShardThread::Do(TickWork& work) {
  {
    std::lock_guard lock(mutex_);
    tick_waiting_ = false;
  }
  shard_.Tick(work.now_ns, &cut_.effects);
}

void ShardThread::Do(CutWork& work) {
  shard_.Cut(&cut_.effects);
  cut_.memory_bytes = shard_.memory_bytes();
  work.collect(std::exchange(cut_, ShardCut{}));
}

}  // namespace faultline
