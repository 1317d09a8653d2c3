#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <variant>
#include <vector>

#include "daemon/core/shard/shard.h"
#include "daemon/runtime/callbacks.h"
#include "daemon/runtime/work_progress.h"

namespace faultline {

// What a shard did since its last checkpoint: what to store and whom to answer.
struct ShardCheckpoint {
  struct Batch {
    uint64_t ticket = 0;
    uint64_t rows = 0;
    BatchResult result;
    BatchDone done;
  };
  struct Answer {
    uint64_t ticket = 0;
    CommandResult result;
    CommandDone done;
  };
  Effects effects;
  std::vector<Batch> batches;
  std::vector<Answer> answers;
  uint64_t memory_bytes = 0;
};

// Owns one Shard and the thread that runs it, or none in a simulation. Work is done in the order in
// which it was pushed, so checkpoints that are pushed to every shard under the admission lock
// separate the same batches in all of them.
//
// Operation:    Push* enqueue and wake the thread. PushCheckpoint passes the ShardCheckpoint to
//               `collect`, on the shard's thread.
// Concurrency:  thread-safe. The queue is bounded by admission, which charges a batch until its
//               commit; commands and ticks are bounded by their callers.
class ShardThread {
 public:
  explicit ShardThread(std::shared_ptr<const Settings> settings);
  ~ShardThread();

  // Before Start only.
  Shard& shard() { return shard_; }
  // `number`: of the shard; names its thread. `charge` is told, on the shard's thread, how much
  // memory the effects of a batch will hold until their commit.
  void Start(uint32_t number, std::function<void(uint64_t bytes)> charge);
  // Instead of Start: work is done by DoNext only.
  void StartWithoutThread(std::function<void(uint64_t bytes)> charge);
  // Performs the oldest queued work; false if there is none.
  bool DoNext();
  // Performs all queued work, then ends the thread.
  void Stop();
  WorkProgress progress();

  void PushBatch(std::shared_ptr<const EventBatch> batch, uint64_t ticket, BatchDone done);
  void PushCommand(Command command, uint64_t ticket, CommandDone done);
  // Dropped if a tick is waiting already.
  void PushTick(int64_t now_ns);
  void PushCheckpoint(std::function<void(ShardCheckpoint)> collect);

 private:
  struct BatchWork {
    std::shared_ptr<const EventBatch> batch;
    uint64_t ticket;
    BatchDone done;
  };
  struct CommandWork {
    Command command;
    uint64_t ticket;
    CommandDone done;
  };
  struct TickWork {
    int64_t now_ns;
  };
  struct CheckpointWork {
    std::function<void(ShardCheckpoint)> collect;
  };
  using Work = std::variant<BatchWork, CommandWork, TickWork, CheckpointWork>;

  void Push(Work work);
  void Run();
  void Do(BatchWork& work);
  void Do(CommandWork& work);
  void Do(TickWork& work);
  void Do(CheckpointWork& work);

  Shard shard_;
  ShardCheckpoint checkpoint_;
  int64_t last_tick_ns_ = 0;
  std::function<void(uint64_t)> charge_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Work> queue_;
  bool tick_waiting_ = false;
  bool stopping_ = false;
  bool working_ = false;  // took work that it has not finished
  std::atomic<uint64_t> done_ = 0;
  std::thread thread_;
};

}  // namespace faultline
