#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "daemon/core/contract/command.h"
#include "daemon/core/contract/effects.h"
#include "daemon/core/contract/event.h"
#include "daemon/core/contract/snapshot.h"
#include "daemon/core/settings/settings.h"
#include "daemon/runtime/memory.h"
#include "storage/segments/recorder.h"
#include "storage/store.h"

namespace faultline {

// Rows of the daemon's life by what became of them, from one commit: received = applied +
// duplicate + late + rejected + shed + in flight, at every reading (invariant I2).
struct RowTotals {
  uint64_t received = 0;
  uint64_t applied = 0;
  uint64_t duplicate = 0;
  uint64_t late = 0;
  uint64_t rejected = 0;
  uint64_t shed = 0;
  uint64_t in_flight = 0;
  std::map<std::string, uint64_t> rejected_by_reason;  // lower-case RejectReason without prefix
};

// Commits by how long they took, from the cut to the store's answer.
struct CommitTimes {
  static constexpr std::array<double, 11> kBounds = {0.0001, 0.00025, 0.001, 0.0025, 0.01, 0.025,
                                                     0.1,    0.25,    1,     2.5,    10};
  // counts[i]: at most kBounds[i] seconds and more than the one before; the last one: more.
  std::array<uint64_t, kBounds.size() + 1> counts{};
  double sum = 0;

  void Count(double seconds) {
    size_t i = 0;
    while (i < kBounds.size() && seconds > kBounds[i]) ++i;
    ++counts[i];
    sum += seconds;
  }
};

struct PipelineReading {
  RowTotals rows;
  std::vector<std::shared_ptr<const ModelSnapshot>> models;  // by name and version
  uint64_t queue_bytes = 0;
  uint64_t queue_bytes_max = 0;
  uint64_t commits = 0;
  uint64_t commit_bytes = 0;
  uint64_t commit_failures = 0;
  double commit_seconds_last = 0;
  CommitTimes commit_times;
  int64_t commit_time_ns = 0;      // the daemon's clock at the last commit
  int64_t commit_interval_ns = 0;  // the one that held last
  uint64_t producers = 0;
  uint64_t state_bytes = 0;
  uint64_t compaction_debt_bytes = 0;
  uint64_t core_bytes = 0;        // memory of the shards, about
  uint64_t memory_bytes_max = 0;  // of the process; 0: no ceiling
  absl::Status store_status;      // not OK: nothing is acknowledged
};

// Names a batch of a producer; an empty id has no mark.
struct BatchName {
  std::string producer_id;
  uint64_t epoch = 0;
  uint64_t sequence = 0;
};

enum class Admission {
  kAccepted,    // done will be called after the commit that holds the batch
  kDuplicate,   // applied before, or about to be: done will be called likewise
  kOutOfOrder,  // not taken: the sequence is not the next one
  kFenced,      // not taken: a larger epoch of this producer is here
  kFull,        // not taken: wait for space (WhenSpace), then submit it again
  kLimit,       // not taken: too many producers
  kStopping,    // not taken: the daemon is stopping, or its store is broken
};

// What one step of the committer did.
enum class CommitterAct : uint8_t {
  kNone,     // nothing was due
  kTick,     // pushed a tick to every shard
  kLine,     // drew a line through the shards
  kGather,   // all shards had reached the line
  kCommit,   // committed, answered and published what lies before it
  kRefusal,  // the store refused the commit; it will be tried again
  kEnd,      // it has ended
};
struct CommitterStep {
  CommitterAct act = CommitterAct::kNone;
  int64_t wait_ns = 0;  // nothing is due for so long, unless the committer is woken
};

// How a thread gets on with its work.
struct WorkProgress {
  uint64_t done = 0;     // pieces of work since the start
  bool waiting = false;  // there is work that it has not done
};

// What makes a pipeline go. A simulation runs the same code without threads, on clocks of its own.
struct PipelineDrive {
  Clock clock;
  std::function<uint64_t()> resident_bytes = ResidentBytes;
  bool threads = true;
};

// Everything between the edges and the store: admission by producer mark, a bounded queue and a
// thread per shard, and the committer, which cuts all shards consistently every commit interval,
// writes one batch, and only then answers and publishes.
//
// Operation:    Submit never blocks; the batch is owned by the pipeline only if it is accepted or
//               a duplicate. Callbacks run on the committer's thread, in commit order, and must
//               not block.
// Concurrency:  thread-safe.
// Failures:     while the store is broken nothing is answered; ready() says so, and the committer
//               tries to reopen it. What was cut but not committed is written by the next commit.
class Pipeline {
 public:
  using BatchDone = std::function<void(const BatchResult&)>;
  using CommandDone = std::function<void(const CommandResult&)>;
  // Incident changes of one commit, after it, with the sequence of each.
  using IncidentListener =
      std::function<void(uint64_t change_sequence, const IncidentChange& change)>;

  // `store` and `recorder` (which may be null) must outlive the pipeline.
  Pipeline(std::shared_ptr<const Settings> settings, Store* store, Recorder* recorder,
           IncidentListener listener, PipelineDrive drive = {});
  ~Pipeline();

  // Restores everything from the store and starts the threads.
  absl::Status Start();
  // Takes nothing more, applies what is in, commits it, stops the threads. Idempotent. Without
  // threads the caller steps on until the committer has ended; a pipeline that goes before goes
  // like a killed process.
  void Stop();

  // Without threads: does the oldest thing that waits at a shard, false if none does; and one step
  // of the committer.
  bool StepShard(uint32_t shard);
  CommitterStep StepCommitter();

  // For a producer's (re)connection: the committed sequence of (id, epoch). FAILED_PRECONDITION if
  // a larger epoch is here; RESOURCE_EXHAUSTED if there are too many producers.
  absl::StatusOr<uint64_t> Greet(const std::string& producer_id, uint64_t epoch);

  // On kAccepted and kDuplicate, `batch` is taken. `expected`: the next sequence, always set.
  Admission Submit(std::unique_ptr<EventBatch>* batch, const BatchName& name, BatchDone done,
                   uint64_t* expected);
  // Calls back once, from another thread, when a Submit that found it full is worth another try.
  void WhenSpace(std::function<void()> callback);
  // Rows that an edge refused before they became a batch (or all of a batch), for the totals.
  void CountRejected(v1::RejectReason reason, uint64_t rows);
  // Rows that an edge dropped because it could not wait.
  void CountShed(uint64_t rows);

  // Runs a command of `by`. For commands that concern one incident, `model` is the incident's
  // model.
  void Run(const std::string& model, const Principal& by, CommandAction action,
           const CommandDone& done);

  PipelineReading Read() const;
  // One model, or null.
  std::shared_ptr<const ModelSnapshot> ReadModel(std::string_view name,
                                                 std::string_view version) const;
  // OK if it takes in events.
  absl::Status ready() const;
  // If resident memory nears its ceiling: what of it neither waits, nor is the core's, nor is to be
  // expected. Else 0.
  uint64_t unexplained_bytes() const;
  // Of each shard's thread.
  std::vector<WorkProgress> progress() const;
  std::shared_ptr<const Settings> settings() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace faultline
