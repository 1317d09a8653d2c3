#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>

#include "daemon/edge/ingest/intake.h"

namespace faultline {

// Attempts that found the pipeline full, in the order in which they came. When there is space, the
// first few are retried one after the other: the very first may hold its share already while the
// next does not. Only those few need to keep their batch decoded.
//
// Concurrency:  thread-safe. Attempts run on the queue's own thread, one at a time.
// Limitations:  the queue has no limit of its own; its callers join with one attempt each.
class RetryQueue {
 public:
  // Submits what the caller holds. False if the pipeline is still full; the attempt then keeps its
  // place.
  using Attempt = std::function<bool()>;

  // `intake` must outlive the queue.
  explicit RetryQueue(Intake* intake);
  // Ends the thread and drops the attempts that still wait.
  ~RetryQueue();
  RetryQueue(const RetryQueue&) = delete;
  RetryQueue& operator=(const RetryQueue&) = delete;

  // A caller that finds the queue not empty joins it without an attempt of its own.
  bool empty() const;
  void Join(Attempt attempt);

 private:
  struct State;
  void Serve();

  Intake* intake_;
  // Shared with callbacks of the pipeline, which may come late.
  std::shared_ptr<State> state_;
  std::thread thread_;
};

}  // namespace faultline
