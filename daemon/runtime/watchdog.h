#pragma once

#include <absl/status/status.h>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "daemon/runtime/pipeline.h"

namespace faultline {

// Notices shards that stand still with work before them. A shard waits for no disk and no client,
// so one that finishes nothing is a bug of ours.
//
// Operation:    looks once a second. After kSickLooks looks without progress health() says so, for
//               probes; after kDeadLooks it aborts with the reason, and the next start goes on from
//               the last commit. Counted in looks, not in time: while the process is stopped, or
//               the machine asleep or starved, the watchdog stands still as well.
// Concurrency:  health from any thread.
class Watchdog {
 public:
  static constexpr uint32_t kSickLooks = 10;
  static constexpr uint32_t kDeadLooks = 60;
  // Of each shard, in order of their numbers.
  using Ask = std::function<std::vector<WorkProgress>()>;

  explicit Watchdog(Ask ask);
  ~Watchdog();

  void Start();
  // Nobody looks any more; health() stays what it was. Idempotent.
  void Stop();
  // Instead of Start.
  void Look();

  // UNAVAILABLE with the shard that stands still.
  absl::Status health() const;

 private:
  struct Watched {
    uint64_t done = 0;
    uint32_t looks = 0;  // without progress
  };
  void Run();

  const Ask ask_;
  std::vector<Watched> watched_;  // of whoever looks

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  absl::Status health_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace faultline
