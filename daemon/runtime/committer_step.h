#pragma once

#include <cstdint>

namespace faultline {

// What one step of the committer did.
enum class CommitterAct : uint8_t {
  kNone,        // nothing was due
  kTick,        // pushed a tick to every shard
  kCheckpoint,  // asked every shard for its checkpoint
  kGather,      // collected the checkpoints of all shards
  kCommit,      // committed, answered and published them
  kRefusal,     // the store refused the commit; it will be tried again
  kEnd,         // it has ended
};
struct CommitterStep {
  CommitterAct act = CommitterAct::kNone;
  int64_t wait_ns = 0;  // until the next step is due, unless the committer is woken
};

}  // namespace faultline
