#include "daemon/edge/ingest/ingestion_call.h"

#include <absl/strings/str_cat.h>

#include <chrono>
#include <utility>

#include "daemon/core/contract/limits.h"
#include "daemon/edge/decode/decode.h"
#include "daemon/edge/decode/names.h"
#include "daemon/edge/decode/replies.h"
#include "daemon/edge/grpc/wire.h"

namespace faultline {

IngestionCall* IngestionCall::Open(IngestionDesk* desk, const grpc::ByteBuffer& request,
                                   grpc::ByteBuffer* response) {
  auto call = std::shared_ptr<IngestionCall>(new IngestionCall(desk, response));
  call->self_ = call;
  call->Start(request);
  return call.get();
}

void IngestionCall::OnCancel() { End(grpc::Status::CANCELLED); }

void IngestionCall::OnDone() {
  std::shared_ptr<IngestionCall> self;
  std::lock_guard lock(mutex_);
  self.swap(self_);
}

void IngestionCall::Start(const grpc::ByteBuffer& request) {
  if (desk_->draining()) {
    End({grpc::StatusCode::UNAVAILABLE, "the daemon is stopping"});
  } else if (Decode(request) && (!desk_->line.empty() || !Submit())) {
    Wait();
  }
}

bool IngestionCall::Decode(const grpc::ByteBuffer& request) {
  const IntakeLimits limits = desk_->intake->limits();
  if (request.Length() > limits.message_bytes_max) {
    Refuse(v1::REJECT_REASON_OVERSIZE,
           absl::StrCat("a message of ", request.Length(), " bytes, at most ",
                        limits.message_bytes_max),
           1);
    return false;
  }
  ScratchArena arena;
  auto* message = arena.Make<v1::LogInferencesRequest>();
  if (!ParseMessage(request, message)) {
    Refuse(v1::REJECT_REASON_DECODE, "the bytes are not a LogInferencesRequest", 1);
    return false;
  }
  const uint64_t rows = message->batch().rows();
  if (message->has_producer()) {
    const v1::Producer& producer = message->producer();
    name_ = {producer.id(), producer.epoch(), producer.sequence()};
  }
  if (!name_.producer_id.empty()) {
    if (const char* problem = NameProblem(name_.producer_id, kNameBytesMax)) {
      Refuse(v1::REJECT_REASON_SCHEMA, absl::StrCat("the producer id ", problem),
             RefusedRows(rows));
      return false;
    }
  }
  Refusal refusal;
  const DecodeOptions options{desk_->now_ns(), limits.queue_bytes_max, Source::kGrpc};
  batch_ = DecodeBatch(message->mutable_batch(), options, &refusal);
  if (batch_ != nullptr) return true;
  Refuse(refusal.reason, std::move(refusal.message), RefusedRows(rows));
  return false;
}

bool IngestionCall::Submit() {
  uint64_t expected = 0;
  const Admission admission = desk_->intake->Submit(
      &batch_, name_,
      [self = shared_from_this()](const BatchResult& result) { self->Committed(result); },
      &expected);
  switch (admission) {
    case Admission::kAccepted:
    case Admission::kDuplicate:
      return true;
    case Admission::kFull:
      return false;
    case Admission::kOutOfOrder:
      End({grpc::StatusCode::FAILED_PRECONDITION,
           absl::StrCat("sequence ", name_.sequence,
                        " is not the next one of this producer: ", expected)});
      break;
    case Admission::kFenced:
      End({grpc::StatusCode::FAILED_PRECONDITION, "a larger epoch of this producer is here"});
      break;
    case Admission::kLimit:
      End({grpc::StatusCode::RESOURCE_EXHAUSTED, "too many producers"});
      break;
    case Admission::kStopping:
      End({grpc::StatusCode::UNAVAILABLE, "the daemon is stopping, or its store is broken"});
      break;
  }
  batch_.reset();
  return true;
}

void IngestionCall::Wait() {
  const uint64_t bytes = batch_->bytes;
  if (!desk_->MayWait(bytes)) {
    desk_->intake->CountShed(batch_->rows);
    batch_.reset();
    End(BusyStatus("too many calls wait for space", std::chrono::seconds(1)));
    return;
  }
  desk_->line.Join([self = shared_from_this(), bytes] {
    if (!self->Retry()) return false;
    self->desk_->Leave(bytes);
    return true;
  });
}

bool IngestionCall::Retry() {
  {
    std::lock_guard lock(mutex_);
    if (finished_) {
      batch_.reset();
      return true;
    }
  }
  return Submit();
}

void IngestionCall::Committed(const BatchResult& result) {
  std::lock_guard lock(mutex_);
  if (finished_) return;
  finished_ = true;
  v1::LogInferencesResponse response;
  FillOutcome(name_.sequence, result, response.mutable_outcome());
  *response_ = SerializeMessage(response);
  Finish(grpc::Status::OK);
}

void IngestionCall::Refuse(v1::RejectReason reason, std::string message, uint64_t rows) {
  desk_->intake->CountRejected(reason, rows);
  const auto code = reason == v1::REJECT_REASON_OVERSIZE ? grpc::StatusCode::RESOURCE_EXHAUSTED
                                                         : grpc::StatusCode::INVALID_ARGUMENT;
  End({code, std::move(message)});
}

void IngestionCall::End(const grpc::Status& status) {
  std::lock_guard lock(mutex_);
  if (finished_) return;
  finished_ = true;
  Finish(status);
}

}  // namespace faultline
