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
#include "daemon/runtime/pipeline.h"

namespace faultline {

// What a shard did between two cuts: what to store and whom to answer.
struct ShardCut {
  struct Batch {
    uint64_t ticket = 0;
    uint64_t rows = 0;
    BatchResult result;
    Pipeline::BatchDone done;
  };
  struct Answer {
    uint64_t ticket = 0;
    CommandResult result;
    Pipeline::CommandDone done;
  };
  Effects effects;
  std::vector<Batch> batches;
  std::vector<Answer> answers;
  uint64_t memory_bytes = 0;
};

// Owns one Shard and the thread that runs it, or none in a simulation. Work is done in the order in
// which it was pushed, so a cut that is pushed to every shard under the admission lock is one
// consistent line through all.
//
// Operation:    Push* enqueue and wake the thread. PushCut hands the ShardCut to `collect`, on the
//               shard's thread.
// Concurrency:  thread-safe. The queue is bounded by admission, which charges a batch until its
//               commit; commands and ticks are bounded by their callers.
class ShardThread {
 public:
  explicit ShardThread(std::shared_ptr<const Settings> settings);
  ~ShardThread();

  // Before Start only.
  Shard& shard() { return shard_; }
  // `charge` is told, on the shard's thread, what the effects of a batch will keep in memory until
  // their commit.
  // `number`: of the shard, by which its thread is called.
  void Start(uint32_t number, std::function<void(uint64_t bytes)> charge);
  // Instead of Start: nothing is done but by DoNext.
  void StartWithoutThread(std::function<void(uint64_t bytes)> charge);
  // Does the oldest thing that is queued; false if there is none.
  bool DoNext();
  // Does what is queued, then ends the thread.
  void Stop();
  WorkProgress progress();

  void PushBatch(std::shared_ptr<const EventBatch> batch, uint64_t ticket,
                 Pipeline::BatchDone done);
  void PushCommand(Command command, uint64_t ticket, Pipeline::CommandDone done);
  // Dropped if a tick is waiting already.
  void PushTick(int64_t now_ns);
  void PushCut(std::function<void(ShardCut)> collect);

 private:
  struct BatchWork {
    std::shared_ptr<const EventBatch> batch;
    uint64_t ticket;
    Pipeline::BatchDone done;
  };
  struct CommandWork {
    Command command;
    uint64_t ticket;
    Pipeline::CommandDone done;
  };
  struct TickWork {
    int64_t now_ns;
  };
  struct CutWork {
    std::function<void(ShardCut)> collect;
  };
  using Work = std::variant<BatchWork, CommandWork, TickWork, CutWork>;

  void Push(Work work);
  void Run();
  void Do(BatchWork& work);
  void Do(CommandWork& work);
  void Do(TickWork& work);
  void Do(CutWork& work);

  Shard shard_;
  ShardCut cut_;
  int64_t last_tick_ns_ = 0;
  std::function<void(uint64_t)> charge_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Work> queue_;
  bool tick_waiting_ = false;
  bool stopping_ = false;
  bool working_ = false;  // took work that it has not done yet
  std::atomic<uint64_t> done_ = 0;
  std::thread thread_;
};

}  // namespace faultline
