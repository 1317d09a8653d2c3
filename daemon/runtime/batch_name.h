#pragma once

#include <cstdint>
#include <string>

namespace faultline {

// Identifies a batch of a producer. Batches without a producer id have no sequence.
struct BatchName {
  std::string producer_id;
  uint64_t epoch = 0;
  uint64_t sequence = 0;
};

// The answer to a submitted batch.
enum class Admission {
  kAccepted,    // done will be called after the commit that holds the batch
  kDuplicate,   // applied before, or about to be: done will be called likewise
  kOutOfOrder,  // not taken: the sequence is not the next one
  kFenced,      // not taken: the producer is at a larger epoch
  kFull,        // not taken: wait for space (WhenSpace), then submit it again
  kLimit,       // not taken: too many producers
  kStopping,    // not taken: the daemon is stopping, or its store is broken
};

}  // namespace faultline
