#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "daemon/core/contract/event.h"
#include "faultline/v1/event.pb.h"

namespace faultline {

struct DecodeOptions {
  int64_t received_ns = 0;           // the daemon's clock; stands in for missing event times
  uint64_t bytes_max = 64ull << 20;  // of memory a batch may take once decoded
  Source source = Source::kGrpc;
};

// Why a whole batch is not taken.
struct Refusal {
  v1::RejectReason reason = v1::REJECT_REASON_UNSPECIFIED;
  std::string message;  // for the sender; names columns, never quotes values
};

// Turns a message into validated columns. Null if it breaks the contract of
// faultline/v1/event.proto or daemon/core/settings/limits.h as a whole; `refusal` then says how.
//
// Operation:    numbers, floats, whole numbers and booleans become doubles. A prediction id that
//               is too long, is not UTF-8, or is a duplicate in the batch refuses its row (reason
//               ID). Event times are not judged here; those beyond int64 become the largest one.
//               Strings are moved out of `message`, which is of no use afterwards.
// Concurrency:  pure.
std::unique_ptr<EventBatch> DecodeBatch(v1::InferenceBatch* message, const DecodeOptions& options,
                                        Refusal* refusal);

// Refuses the second and every later row with an id that another row has, and rows with ids that
// break the contract. Part of DecodeBatch, for sources that fill a batch themselves.
void RefuseBadIds(EventBatch* batch);

// What `batch` takes in memory, about: what admission charges for it.
uint64_t BatchBytes(const EventBatch& batch);

// Rows to count for a batch that is refused as a whole and said it has `rows`: at least 1, at most
// what a batch may have.
uint64_t RefusedRows(uint64_t rows);

}  // namespace faultline
