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
#include "daemon/runtime/pipeline.h"

namespace faultline {

// Draws a line through all shards every commit interval, writes what lies before it in one batch,
// and only then answers, publishes, and records events.
//
// Operation:    Start runs a thread that does Step after Step; without Start the caller does. Wake
//               says that there is something to commit: at once if the interval has passed, so a
//               quiet daemon answers fast. Ticks go to the shards once a second.
// Concurrency:  Start, Wake, Stop from any thread; callbacks run on the committer's thread.
// Failures:     a failed commit is kept, the store reopened and the same writes tried again, with
//               growing pauses; nothing is answered or published meanwhile. Stop gives up after
//               kStopTries.
class Committer {
 public:
  static constexpr int kStopTries = 3;

  Committer(std::shared_ptr<const Settings> settings, AdmissionGate* gate, size_t shards,
            Store* store, Recorder* recorder, Board* board, Clock clock,
            Pipeline::IncidentListener listener);
  ~Committer();

  // Rows and change sequence of the last run; before Start.
  void Restore(const RowTotals& totals, uint64_t change_sequence, uint64_t oldest_change);
  void Start();
  void Wake();
  // Asks for one last line and commit, after which it ends. The gate must be closed.
  void End();
  // End, and waits for the thread.
  void Stop();
  // Does what is due: a tick; a line through the shards; once they have reached it, its commit, or
  // another try of it.
  CommitterStep Step();
  void ApplySettings(std::shared_ptr<const Settings> settings);

 private:
  struct Commit {
    CutLine line;
    std::vector<ShardCut> cuts;
    std::vector<StateWrite> writes;
    std::vector<std::pair<uint64_t, IncidentChange>> changes;
    uint64_t bytes = 0;
  };

  enum class Phase { kIdle, kGathering, kWriting, kEnded };

  void Run();
  CommitterStep StepIdle(int64_t now_ns);
  CommitterStep StepGathering(int64_t now_ns);
  CommitterStep StepWriting(int64_t now_ns);
  bool stopping() const;
  void DrawLine(int64_t now_ns);
  // The writes of commit_, from what the shards gave.
  void Compose();
  void Finish();
  // The next interval: long enough that commits of this size stay under the byte rate.
  void SetInterval(uint64_t bytes);
  void AddIncidents();
  void AddRows();
  absl::Status Write();
  void Answer();
  void Publish(double seconds);
  void Record();

  AdmissionGate* const gate_;
  Store* const store_;
  Recorder* const recorder_;
  Board* const board_;
  const Clock clock_;
  const Pipeline::IncidentListener listener_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::shared_ptr<const Settings> settings_;
  std::vector<ShardCut> collected_;
  const size_t shards_;
  bool woken_ = false;      // there is something to commit
  bool signalled_ = false;  // a step may be due
  bool stopping_ = false;

  // Of whoever steps.
  Phase phase_ = Phase::kIdle;
  Commit commit_;      // between its line and its answers
  bool last_ = false;  // of commit_: nothing comes after it
  int tries_ = 0;
  int64_t pause_ns_ = 0;
  int64_t retry_ns_ = 0;
  int64_t gathered_ns_ = 0;
  RowTotals totals_;
  std::array<uint64_t, v1::RejectReason_ARRAYSIZE> core_rejected_{};
  uint64_t change_sequence_ = 0;
  uint64_t oldest_change_ = 1;
  uint64_t commits_ = 0;
  uint64_t commit_bytes_ = 0;
  CommitTimes commit_times_;
  int64_t interval_ns_ = 0;
  int64_t last_cut_ns_ = 0;
  int64_t last_tick_ns_ = 0;
  int64_t last_retain_ns_ = 0;
  std::thread thread_;
};

}  // namespace faultline
