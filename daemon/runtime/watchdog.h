#pragma once

#include <absl/status/status.h>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "daemon/runtime/work_progress.h"

namespace faultline {

// Notices shards that make no progress although they have work. A shard waits for no disk and no
// client, so a stalled one is a bug.
//
// Operation:    looks once a second. After kSickLooks looks without progress health() says so, for
//               probes; after kDeadLooks it aborts with the reason, and the next start resumes from
//               the last commit. Looks are counted, not time: while the process is stopped, or the
//               machine suspended or starved, the watchdog pauses as well.
// Concurrency:  health from any thread.
class Watchdog {
 public:
  static constexpr uint32_t kSickLooks = 10;
  static constexpr uint32_t kDeadLooks = 60;
  // Progress of each shard, in order of their numbers.
  using Ask = std::function<std::vector<WorkProgress>()>;

  explicit Watchdog(Ask ask);
  ~Watchdog();

  void Start();
  // Ends the looks; health() keeps its last answer. Idempotent.
  void Stop();
  // Instead of Start.
  void Look();

  // UNAVAILABLE, naming the stalled shard.
  absl::Status health() const;

 private:
  struct Watched {
    uint64_t done = 0;
    uint32_t looks = 0;  // without progress
  };
  void Run();

  const Ask ask_;
  std::vector<Watched> watched_;  // used by the looking thread only

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  absl::Status health_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace faultline
