#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "daemon/core/contract/effects.h"
#include "daemon/runtime/admission.h"
#include "daemon/runtime/row_totals.h"
#include "daemon/runtime/shard_thread.h"

namespace faultline {

// One commit, from its checkpoint to its answers.
struct Commit {
  GateCheckpoint gate;
  std::vector<ShardCheckpoint> shards;
  std::vector<StateWrite> writes;
  std::vector<std::pair<uint64_t, IncidentChange>> changes;
  uint64_t bytes = 0;
  int64_t gathered_ns = 0;  // steady, when the last shard's checkpoint arrived
  bool last = false;        // the pipeline stops after it
};

// Turns checkpoints into the writes of a commit, and owns what accumulates over commits: the row
// totals and the sequence of incident changes.
//
// Concurrency:  not thread-safe; the committer's.
class CommitComposer {
 public:
  // As of the last run.
  void Restore(const RowTotals& totals, uint64_t change_sequence, uint64_t oldest_change);
  // Moves the writes and incident changes of the checkpoints into the commit.
  void Compose(Commit* commit);

  const RowTotals& totals() const { return totals_; }

 private:
  void AddIncidents(Commit* commit);
  void AddRows(Commit* commit);

  RowTotals totals_;
  std::array<uint64_t, v1::RejectReason_ARRAYSIZE> core_rejected_{};
  uint64_t change_sequence_ = 0;
  uint64_t oldest_change_ = 1;
};

}  // namespace faultline
