#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/core/contract/command.h"
#include "daemon/core/contract/event.h"
#include "daemon/core/contract/snapshot.h"
#include "daemon/core/settings/settings.h"
#include "daemon/runtime/batch_name.h"
#include "daemon/runtime/callbacks.h"
#include "daemon/runtime/committer_step.h"
#include "daemon/runtime/pipeline_drive.h"
#include "daemon/runtime/pipeline_reading.h"
#include "daemon/runtime/work_progress.h"
#include "storage/segments/recorder.h"
#include "storage/store.h"

namespace faultline {

// Everything between the network and the store: admission by producer sequence, a bounded queue and
// a thread per shard, and the committer, which takes a consistent checkpoint of all shards every
// commit interval, writes it in one batch, and only then answers and publishes.
//
// Operation:    Submit never blocks; the batch is owned by the pipeline only if it is accepted or
//               a duplicate. Callbacks run on the committer's thread, in commit order, and must
//               not block.
// Concurrency:  thread-safe.
// Failures:     while the store is broken nothing is answered; ready() says so, and the committer
//               tries to reopen it. A checkpoint that could not be written is tried again.
class Pipeline {
 public:
  using BatchDone = faultline::BatchDone;
  using CommandDone = faultline::CommandDone;
  using IncidentListener = faultline::IncidentListener;

  // `store` and `recorder` (which may be null) must outlive the pipeline.
  Pipeline(std::shared_ptr<const Settings> settings, Store* store, Recorder* recorder,
           IncidentListener listener, PipelineDrive drive = {});
  ~Pipeline();

  // Restores everything from the store and starts the threads.
  absl::Status Start();
  // Refuses new input, applies and commits what was accepted, stops the threads. Idempotent.
  // Without threads the caller keeps stepping until the committer has ended; destroying the
  // pipeline earlier is like killing the process.
  void Stop();

  // Without threads: performs the oldest work queued at a shard (false if there is none), and one
  // step of the committer.
  bool StepShard(uint32_t shard);
  CommitterStep StepCommitter();

  // For a producer's (re)connection: the committed sequence of (id, epoch). FAILED_PRECONDITION if
  // the producer is at a larger epoch; RESOURCE_EXHAUSTED if there are too many producers.
  absl::StatusOr<uint64_t> Greet(const std::string& producer_id, uint64_t epoch);

  // On kAccepted and kDuplicate, `batch` is taken. `expected`: the next sequence, always set.
  Admission Submit(std::unique_ptr<EventBatch>* batch, const BatchName& name, BatchDone done,
                   uint64_t* expected);
  // Calls back once, from another thread, when a Submit that returned kFull is worth retrying.
  void WhenSpace(std::function<void()> callback);
  // Rows refused before they became a batch (or a whole batch), for the totals.
  void CountRejected(v1::RejectReason reason, uint64_t rows);
  // Rows dropped because their sender could not wait.
  void CountShed(uint64_t rows);

  // Runs a command of `by`. For commands that concern one incident, `model` is the incident's
  // model.
  void Run(const std::string& model, const Principal& by, CommandAction action,
           const CommandDone& done);

  PipelineReading Read() const;
  // One model, or null.
  std::shared_ptr<const ModelSnapshot> ReadModel(std::string_view name,
                                                 std::string_view version) const;
  // OK while it accepts events.
  absl::Status ready() const;
  // If resident memory nears its ceiling: the part that is neither queued, nor the core's, nor
  // expected overhead. Else 0.
  uint64_t unexplained_bytes() const;
  // One entry for each shard's thread.
  std::vector<WorkProgress> progress() const;
  std::shared_ptr<const Settings> settings() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace faultline
