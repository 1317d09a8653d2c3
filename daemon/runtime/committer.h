#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "daemon/runtime/admission.h"
#include "daemon/runtime/board.h"
#include "daemon/runtime/callbacks.h"
#include "daemon/runtime/commit.h"
#include "daemon/runtime/committer_step.h"
#include "storage/segments/recorder.h"
#include "storage/store.h"

namespace faultline {

// Takes a checkpoint of the gate and all shards every commit interval, writes it in one batch, and
// only then answers, publishes, and records events.
//
// Operation:    Start runs a thread that performs Step after Step; without Start the caller does.
//               Wake says that there is something to commit: at once if the interval has passed, so
//               a quiet daemon answers fast. Ticks go to the shards once a second.
// Concurrency:  Start, Wake, Stop from any thread; callbacks run on the committer's thread.
// Failures:     a failed commit is kept, the store reopened and the same writes tried again, with
//               growing pauses; nothing is answered or published meanwhile. Stop gives up after
//               kStopTries.
class Committer {
 public:
  static constexpr int kStopTries = 3;

  Committer(std::shared_ptr<const Settings> settings, AdmissionGate* gate, size_t shards,
            Store* store, Recorder* recorder, Board* board, Clock clock, IncidentListener listener);
  ~Committer();

  CommitComposer& composer() { return composer_; }  // before Start only
  void Start();
  void Wake();
  // Asks for one last checkpoint and commit. The gate must be closed.
  void End();
  // Ends, and waits for the thread.
  void Stop();
  // Performs what is due: a tick; a checkpoint; once all shards have delivered theirs, the commit
  // or a retry of it.
  CommitterStep Step();
  void ApplySettings(std::shared_ptr<const Settings> settings);

 private:
  struct Requests {
    bool commit = false;  // there is something to commit
    bool step = false;    // a step may be due
    bool stop = false;
  };
  struct Retry {
    int tries = 0;
    int64_t at_ns = 0;  // not before
    int64_t pause_ns = 200'000'000;
  };
  struct Schedule {
    int64_t interval_ns = 0;
    int64_t last_checkpoint_ns = 0;
    int64_t last_tick_ns = 0;
    int64_t last_retain_ns = 0;
  };
  struct Made {
    uint64_t commits = 0;
    uint64_t bytes = 0;
    CommitTimes times;
  };

  enum class Phase { kIdle, kGathering, kWriting, kEnded };

  void Run();
  CommitterStep StepIdle(int64_t now_ns);
  CommitterStep StepGathering(int64_t now_ns);
  CommitterStep StepWriting(int64_t now_ns);
  bool stopping() const;
  void TakeCheckpoint(int64_t now_ns);
  void Finish();
  // The next interval: long enough that commits of this size stay under the byte rate.
  void SetInterval(uint64_t bytes);
  absl::Status Write();
  void Answer();
  void Publish(double seconds);
  void Record();

  AdmissionGate* const gate_;
  Store* const store_;
  Recorder* const recorder_;
  Board* const board_;
  const Clock clock_;
  const IncidentListener listener_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::shared_ptr<const Settings> settings_;
  std::vector<ShardCheckpoint> collected_;
  const size_t shards_;
  Requests requests_;

  // Used by the stepping thread only.
  Phase phase_ = Phase::kIdle;
  Commit commit_;
  CommitComposer composer_;
  Retry retry_;
  Schedule schedule_;
  Made made_;
  std::thread thread_;
};

}  // namespace faultline
