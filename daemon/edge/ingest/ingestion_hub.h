#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <set>

#include "daemon/edge/ingest/intake.h"
#include "daemon/edge/ingest/retry_queue.h"

namespace faultline {

class IngestionStream;

// What all calls, streams and posts that ingest events share: the intake, the clock, the retry
// queue, the open streams, and the limits on waiting calls.
//
// Concurrency:  thread-safe.
class IngestionHub {
 public:
  // Calls and posts that may wait for space at the same time.
  static constexpr uint32_t kCallsWaitingMax = 64;

  IngestionHub(Intake* the_intake, std::function<int64_t()> clock)
      : intake(the_intake), now_ns(std::move(clock)), retry_queue(the_intake) {}

  Intake* const intake;
  const std::function<int64_t()> now_ns;
  RetryQueue retry_queue;

  // A stream is registered from its opening until its OnDone.
  void Add(IngestionStream* stream);
  void Remove(IngestionStream* stream);
  // Ends all registered streams and every later one.
  void Drain();
  bool draining() const { return draining_; }

  // Lets a call that holds decoded batches of this size wait in the retry queue. False, without
  // keeping the attempt, if kCallsWaitingMax calls wait already or their batches take too much
  // memory.
  bool WaitForSpace(uint64_t bytes, RetryQueue::Attempt attempt);

 private:
  bool Reserve(uint64_t bytes);
  void Release(uint64_t bytes);

  std::mutex mutex_;
  std::set<IngestionStream*> streams_;
  std::atomic<bool> draining_ = false;
  uint32_t calls_waiting_ = 0;
  uint64_t bytes_waiting_ = 0;
};

}  // namespace faultline
