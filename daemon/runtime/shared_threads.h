#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "daemon/core/contract/parallel.h"

namespace faultline {

// Threads that help any shard with a large task. One task at a time: a shard that asks while they
// are busy performs its task alone.
//
// Concurrency:  thread-safe.
class SharedThreads final : public Parallel {
 public:
  // Without threads, the caller performs its tasks.
  explicit SharedThreads(uint32_t threads);
  // No Run may be in progress.
  ~SharedThreads() override;

  void Run(uint32_t parts, absl::FunctionRef<void(uint32_t part)> part) override;

 private:
  struct Task {
    absl::FunctionRef<void(uint32_t part)> part;
    uint32_t parts;
    std::atomic<uint32_t> next{0};
    void Work();
  };
  void Help();

  std::mutex busy_;  // held by the shard being helped
  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable done_;
  Task* task_ = nullptr;
  uint64_t tasks_ = 0;  // since the start; tells a thread which it has seen
  uint32_t helping_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace faultline
