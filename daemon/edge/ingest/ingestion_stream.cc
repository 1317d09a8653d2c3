#include "daemon/edge/ingest/ingestion_stream.h"

#include <algorithm>
#include <utility>

#include "daemon/edge/grpc/wire.h"

namespace faultline {
namespace {

uint64_t CreditBytes(const IntakeLimits& limits) {
  return std::max<uint64_t>(limits.queue_bytes_max / 2, 1 << 20);
}

}  // namespace

IngestionStream::IngestionStream(IngestionHub* hub)
    : hub_(hub),
      limits_(hub->intake->limits()),
      replies_(CreditBytes(limits_), limits_.commit_interval_ns),
      credit_(CreditBytes(limits_)),
      producer_(hub->intake) {}

IngestionStream* IngestionStream::Open(IngestionHub* hub) {
  auto stream = std::shared_ptr<IngestionStream>(new IngestionStream(hub));
  stream->self_ = stream;
  hub->Add(stream.get());
  std::lock_guard lock(stream->mutex_);
  stream->Advance();
  return stream.get();
}

void IngestionStream::Drain() { Close({grpc::StatusCode::UNAVAILABLE, kStopping}); }

void IngestionStream::OnReadDone(bool ok) {
  {
    std::lock_guard lock(mutex_);
    reading_ = false;
    half_closed_ = !ok;
    if (!ok || final_status_.has_value()) {
      Advance();
      return;
    }
    busy_ = true;
  }
  const bool done = hub_->retry_queue.empty() && Attempt();
  if (Settle(done)) return;
  hub_->retry_queue.Join([self = shared_from_this()] { return self->Retry(); });
}

void IngestionStream::OnWriteDone(bool ok) {
  std::lock_guard lock(mutex_);
  writing_ = false;
  if (!ok && !final_status_.has_value()) final_status_ = grpc::Status::CANCELLED;
  at_once_ |= !ok;
  Advance();
}

void IngestionStream::OnCancel() {
  std::lock_guard lock(mutex_);
  final_status_ = grpc::Status::CANCELLED;
  at_once_ = true;
  Advance();
}

void IngestionStream::OnDone() {
  hub_->Remove(this);
  std::shared_ptr<IngestionStream> self;
  std::lock_guard lock(mutex_);
  incoming_ = {};
  out_.Clear();
  self.swap(self_);
}

bool IngestionStream::Attempt() {
  if (incoming_.batch == nullptr && !Decode()) return true;
  return Submit();
}

bool IngestionStream::Decode() {
  ScratchArena arena;
  auto* request = arena.Make<v1::StreamInferencesRequest>();
  RefusedRequest refused;
  if (!ReadRequest(incoming_.bytes, limits_, request, &refused)) {
    Refuse(0, std::move(refused));
    return false;
  }
  if (request->has_batch()) return DecodeOne(request->mutable_batch());
  if (request->has_hello() && !producer_.greeted()) {
    Greet(request->hello());
  } else {
    Refuse(0, {{v1::REJECT_REASON_SCHEMA,
                request->has_hello() ? "only the first message may be a Hello" : "empty message"},
               0});
  }
  return false;
}

bool IngestionStream::DecodeOne(v1::SequencedBatch* message) {
  incoming_.sequence = message->sequence();
  RefusedRequest refused;
  if (!producer_.greeted()) {
    Refuse(incoming_.sequence, {{v1::REJECT_REASON_SCHEMA, "the first message must be a Hello"},
                                RefusedRows(message->batch().rows())});
    return false;
  }
  incoming_.batch = DecodeRequest(message->mutable_batch(), hub_->now_ns(), limits_, &refused);
  if (incoming_.batch != nullptr) return true;
  Refuse(incoming_.sequence, std::move(refused));
  return false;
}

void IngestionStream::Greet(const v1::Hello& hello) {
  const absl::StatusOr<uint64_t> committed = producer_.Greet(hello);
  if (!committed.ok()) {
    Close({static_cast<grpc::StatusCode>(committed.status().code()),
           std::string(committed.status().message())});
    return;
  }
  std::lock_guard lock(mutex_);
  replies_.Welcome(*committed, limits_.commit_sync);
}

bool IngestionStream::Submit() {
  const uint64_t bytes = incoming_.bytes.Length();
  const uint64_t sequence = incoming_.sequence;
  {
    std::lock_guard lock(mutex_);
    credit_.Take(bytes);
  }
  const Admission admission =
      producer_.Submit(sequence, &incoming_.batch,
                       [self = shared_from_this(), sequence, bytes](const BatchResult& result) {
                         self->Committed(sequence, bytes, result);
                       });
  if (admission == Admission::kAccepted || admission == Admission::kDuplicate) return true;
  {
    std::lock_guard lock(mutex_);
    credit_.Return(bytes);
  }
  if (admission == Admission::kFull) return false;
  incoming_.batch.reset();
  AdmissionRefusal refused = producer_.RefusalOf(admission, sequence);
  if (admission == Admission::kStopping) {
    Close({refused.code, refused.refusal.message});
  } else {
    Refuse(sequence, {std::move(refused.refusal), 0});
  }
  return true;
}

bool IngestionStream::Settle(bool done) {
  std::lock_guard lock(mutex_);
  busy_ = false;
  waiting_ = !done && !final_status_.has_value();
  const bool settled = !waiting_;
  Advance();
  return settled;
}

bool IngestionStream::Retry() {
  {
    std::lock_guard lock(mutex_);
    waiting_ = false;
    if (final_status_.has_value()) {
      Advance();
      return true;
    }
    busy_ = true;
  }
  return Settle(Attempt());
}

void IngestionStream::Committed(uint64_t sequence, uint64_t bytes, const BatchResult& result) {
  LogRejected("stream", result);
  std::lock_guard lock(mutex_);
  credit_.Return(bytes);
  replies_.Commit(sequence, result);
  Advance();
}

void IngestionStream::Refuse(uint64_t sequence, RefusedRequest refused) {
  Refusal& refusal = refused.refusal;
  if (refused.rows > 0) {
    hub_->intake->CountRejected(refusal.reason, refused.rows);
    LogRejected("stream", refusal, refused.rows);
  }
  if (!producer_.greeted()) {
    Close({grpc::StatusCode::INVALID_ARGUMENT, refusal.message});
    return;
  }
  std::lock_guard lock(mutex_);
  replies_.NotTaken(sequence, producer_.next(), refusal.reason, std::move(refusal.message));
}

void IngestionStream::Close(const grpc::Status& status) {
  std::lock_guard lock(mutex_);
  if (!final_status_.has_value()) final_status_ = status;
  Advance();
}

void IngestionStream::Advance() {
  if (finished_) return;
  if (!writing_ && !replies_.empty() && !at_once_) {
    out_ = SerializeMessage(replies_.Take());
    writing_ = true;
    StartWrite(&out_);
  }
  if (ReadyToFinish()) {
    finished_ = true;
    Finish(final_status_.value_or(grpc::Status::OK));
  } else if (ReadyToRead()) {
    reading_ = true;
    incoming_.bytes.Clear();
    StartRead(&incoming_.bytes);
  }
}

bool IngestionStream::ReadyToFinish() const {
  if (busy_ || writing_) return false;
  if (at_once_) return true;
  const bool answered = credit_.unused() && replies_.empty();
  return answered && (final_status_.has_value() || (half_closed_ && !waiting_));
}

bool IngestionStream::ReadyToRead() const {
  return !reading_ && !busy_ && !waiting_ && !half_closed_ && !final_status_.has_value() &&
         !replies_.crowded() && !credit_.exhausted();
}

}  // namespace faultline
