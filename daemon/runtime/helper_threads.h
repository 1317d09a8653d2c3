#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "daemon/core/contract/parallel.h"

namespace faultline {

// Threads that help whichever shard has much to count. One task at a time: who comes while they
// help another does its task alone.
//
// Concurrency:  thread-safe.
class HelperThreads final : public Parallel {
 public:
  // With none, tasks are done by who brings them.
  explicit HelperThreads(uint32_t threads);
  // No thread may be in Run.
  ~HelperThreads() override;

  void Run(uint32_t parts, absl::FunctionRef<void(uint32_t part)> part) override;

 private:
  struct Task {
    absl::FunctionRef<void(uint32_t part)> part;
    uint32_t parts;
    std::atomic<uint32_t> next{0};
    void Work();
  };
  void Help();

  std::mutex busy_;  // held by the shard that is helped
  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable done_;
  Task* task_ = nullptr;
  uint64_t tasks_ = 0;  // since ever: which one a thread has seen
  uint32_t helping_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace faultline
