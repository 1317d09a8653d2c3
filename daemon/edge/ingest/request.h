#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "daemon/edge/decode/decode.h"
#include "daemon/edge/grpc/wire.h"
#include "daemon/edge/ingest/ingestion_hub.h"

namespace faultline {

// How calls and streams read, check and refuse the messages that they receive. What follows from a
// refusal is up to them: a call fails, a stream stays open.

// Why a message was refused, and how many rows to count as rejected.
struct RefusedRequest {
  Refusal refusal;
  uint64_t rows = 0;
};

// False if the bytes exceed the limit or do not parse as `message`.
bool ReadRequest(const grpc::ByteBuffer& bytes, const IntakeLimits& limits,
                 google::protobuf::Message* message, RefusedRequest* refused);

// Empty if `id` may name a producer, else what is wrong with it.
std::string ProducerProblem(const std::string& id);

// Null if the batch breaks the contract as a whole.
std::unique_ptr<EventBatch> DecodeRequest(v1::InferenceBatch* message, int64_t received_ns,
                                          const IntakeLimits& limits, RefusedRequest* refused);

// Why admission did not take a batch. The reason is unspecified while the daemon is stopping.
struct AdmissionRefusal {
  grpc::StatusCode code = grpc::StatusCode::UNAVAILABLE;
  Refusal refusal;
};
// `admission` must be a refusal: not accepted, not a duplicate, not full.
AdmissionRefusal RefusalOf(Admission admission, const BatchName& name, uint64_t expected);

// Logs rows that were rejected. Like all messages of one kind, only the first ones of a flood.
// `source`: how they came, such as "stream".
void LogRejected(std::string_view source, const Refusal& refusal, uint64_t rows);
void LogRejected(std::string_view source, const BatchResult& result);

// Messages of calls, streams and posts alike: while the daemon drains, and when a call cannot wait
// for space.
inline constexpr const char* kStopping = "the daemon is stopping; send again once it is ready";
inline constexpr const char* kBusy =
    "too many calls wait for space in the queue (limits.queue): send again later";

}  // namespace faultline
