#include "daemon/edge/ingest/ingestion_call.h"

#include <chrono>
#include <utility>

#include "daemon/edge/decode/replies.h"
#include "daemon/edge/grpc/wire.h"

namespace faultline {

IngestionCall* IngestionCall::Open(IngestionHub* hub, const grpc::ByteBuffer& request,
                                   grpc::ByteBuffer* response) {
  auto call = std::shared_ptr<IngestionCall>(new IngestionCall(hub, response));
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
  if (hub_->draining()) {
    End({grpc::StatusCode::UNAVAILABLE, kStopping});
  } else if (Decode(request) && (!hub_->retry_queue.empty() || !Submit())) {
    Wait();
  }
}

bool IngestionCall::Decode(const grpc::ByteBuffer& request) {
  const IntakeLimits limits = hub_->intake->limits();
  ScratchArena arena;
  auto* message = arena.Make<v1::LogInferencesRequest>();
  RefusedRequest refused;
  if (!ReadRequest(request, limits, message, &refused)) {
    Refuse(refused);
    return false;
  }
  if (message->has_producer()) {
    const v1::Producer& producer = message->producer();
    name_ = {producer.id(), producer.epoch(), producer.sequence()};
  }
  if (std::string problem = ProducerProblem(name_.producer_id); !problem.empty()) {
    Refuse({{v1::REJECT_REASON_SCHEMA, std::move(problem)}, RefusedRows(message->batch().rows())});
    return false;
  }
  batch_ = DecodeRequest(message->mutable_batch(), hub_->now_ns(), limits, &refused);
  if (batch_ != nullptr) return true;
  Refuse(refused);
  return false;
}

bool IngestionCall::Submit() {
  uint64_t expected = 0;
  const Admission admission = hub_->intake->Submit(
      &batch_, name_,
      [self = shared_from_this()](const BatchResult& result) { self->Committed(result); },
      &expected);
  if (admission == Admission::kAccepted || admission == Admission::kDuplicate) return true;
  if (admission == Admission::kFull) return false;
  const AdmissionRefusal refused = RefusalOf(admission, name_, expected);
  End({refused.code, refused.refusal.message});
  batch_.reset();
  return true;
}

void IngestionCall::Wait() {
  if (hub_->WaitForSpace(batch_->bytes, [self = shared_from_this()] { return self->Retry(); })) {
    return;
  }
  hub_->intake->CountShed(batch_->rows);
  batch_.reset();
  End(BusyStatus(kBusy, std::chrono::seconds(1)));
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
  LogRejected("call", result);
  std::lock_guard lock(mutex_);
  if (finished_) return;
  finished_ = true;
  v1::LogInferencesResponse response;
  FillOutcome(name_.sequence, result, response.mutable_outcome());
  *response_ = SerializeMessage(response);
  Finish(grpc::Status::OK);
}

void IngestionCall::Refuse(const RefusedRequest& refused) {
  const v1::RejectReason reason = refused.refusal.reason;
  hub_->intake->CountRejected(reason, refused.rows);
  LogRejected("call", refused.refusal, refused.rows);
  const auto code = reason == v1::REJECT_REASON_OVERSIZE ? grpc::StatusCode::RESOURCE_EXHAUSTED
                                                         : grpc::StatusCode::INVALID_ARGUMENT;
  End({code, refused.refusal.message});
}

void IngestionCall::End(const grpc::Status& status) {
  std::lock_guard lock(mutex_);
  if (finished_) return;
  finished_ = true;
  Finish(status);
}

}  // namespace faultline
