#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <set>

#include "daemon/edge/ingest/intake.h"
#include "daemon/edge/ingest/waiting_line.h"

namespace faultline {

class IngestionStream;

// What the calls of the ingestion service share.
//
// Concurrency:  thread-safe.
class IngestionDesk {
 public:
  // Unary calls that may wait for space at once, and the memory of their batches.
  static constexpr uint32_t kCallsWaitingMax = 64;

  IngestionDesk(Intake* the_intake, std::function<int64_t()> clock)
      : intake(the_intake), now_ns(std::move(clock)), line(the_intake) {}

  Intake* const intake;
  const std::function<int64_t()> now_ns;
  WaitingLine line;

  // A stream is listed from its opening until its OnDone.
  void Add(IngestionStream* stream);
  void Remove(IngestionStream* stream);
  // Ends the streams that are listed and all that come.
  void Drain();
  bool draining() const { return draining_; }

  // Asks for the right to wait with a decoded batch; given back by Leave.
  bool MayWait(uint64_t bytes);
  void Leave(uint64_t bytes);

 private:
  std::mutex mutex_;
  std::set<IngestionStream*> streams_;
  std::atomic<bool> draining_ = false;
  uint32_t calls_waiting_ = 0;
  uint64_t bytes_waiting_ = 0;
};

}  // namespace faultline
