#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "daemon/core/contract/event.h"
#include "faultline/v1/event.pb.h"

namespace faultline {

struct DecodeOptions {
  int64_t received_ns = 0;           // the daemon's clock; stands in for missing event times
  uint64_t bytes_max = 64ull << 20;  // limit on a decoded batch
  Source source = Source::kGrpc;
};

// Why a whole batch is refused.
struct Refusal {
  v1::RejectReason reason = v1::REJECT_REASON_UNSPECIFIED;
  std::string message;  // for the sender; names columns, never quotes values
};

// Turns a message into validated columns. Null, with the `refusal`, if the batch as a
// whole breaks the contract of faultline/v1/event.proto or daemon/core/settings/limits.h.
//
// Operation:    numbers, floats, whole numbers and booleans become doubles. A prediction id that
//               is too long, is not UTF-8, or is a duplicate in the batch refuses its row (reason
//               ID). Event times are not checked here; times beyond int64 become the largest one.
//               Strings are moved out of `message`, which must not be used afterwards.
// Concurrency:  pure.
std::unique_ptr<EventBatch> DecodeBatch(v1::InferenceBatch* message, const DecodeOptions& options,
                                        Refusal* refusal);

// Refuses rows with invalid prediction ids, and all but the first row with the same id. Part of
// DecodeBatch, for sources that fill a batch themselves.
void RefuseBadIds(EventBatch* batch);

// The approximate memory of `batch`; admission charges it.
uint64_t BatchBytes(const EventBatch& batch);

// Rows to count as rejected for a refused batch that claims to have `rows`: at least 1, at most
// kBatchRowsMax.
uint64_t RefusedRows(uint64_t rows);

}  // namespace faultline
