#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "daemon/core/contract/event.h"
#include "faultline/v1/event.pb.h"
#include "tests/support/streams.h"

// What every source of events promises of the batches it makes, for targets.
namespace faultline::fuzz {

// Numbers, categories, vectors and gaps of model "credit" version "1", a second apart from
// `first_ns` on; `moved` shifts what they say.
v1::InferenceBatch MakeBatch(uint64_t seed, uint32_t rows, int64_t first_ns, bool moved = false);
// MakeBatch decoded.
std::unique_ptr<EventBatch> DecodedBatch(uint64_t seed, uint32_t rows, int64_t first_ns,
                                         bool moved = false);

// Aborts unless the batch is whole: one value per row in every column, codes within dictionaries,
// names and ids that the contract takes, refusals that add up.
void CheckBatch(const EventBatch& batch);

// Aborts unless what the recorder keeps of the batch decodes into a batch of which the recorder
// keeps the same, also without some of its rows.
void CheckRecording(EventBatch batch);

// Aborts unless the core accounts for every row, and what it stores then can be restored and
// restores to the same bytes.
void CheckFold(const EventBatch& batch);

}  // namespace faultline::fuzz
