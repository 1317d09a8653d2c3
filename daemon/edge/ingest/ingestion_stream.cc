#include "daemon/edge/ingest/ingestion_stream.h"

#include <algorithm>
#include <utility>

#include "daemon/edge/grpc/wire.h"

namespace faultline {

IngestionStream::IngestionStream(IngestionHub* hub)
    : hub_(hub),
      limits_(hub->intake->limits()),
      credit_bytes_(std::max<uint64_t>(limits_.queue_bytes_max / 2, 1 << 20)),
      replies_(credit_bytes_, limits_.commit_interval_ns) {}

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
  in_.Clear();
  out_.Clear();
  batch_.reset();
  self.swap(self_);
}

bool IngestionStream::Attempt() {
  if (batch_ == nullptr && !Decode()) return true;
  return Submit();
}

bool IngestionStream::Decode() {
  ScratchArena arena;
  auto* request = arena.Make<v1::StreamInferencesRequest>();
  RefusedRequest refused;
  if (!ReadRequest(in_, limits_, request, &refused)) {
    Refuse(0, std::move(refused));
    return false;
  }
  if (request->has_batch()) return DecodeOne(request->mutable_batch());
  if (request->has_hello() && !greeted_) {
    Greet(request->hello());
  } else {
    Refuse(0, {{v1::REJECT_REASON_SCHEMA,
                request->has_hello() ? "only the first message may be a Hello" : "empty message"},
               0});
  }
  return false;
}

bool IngestionStream::DecodeOne(v1::SequencedBatch* message) {
  sequence_ = message->sequence();
  RefusedRequest refused;
  if (!greeted_) {
    Refuse(sequence_, {{v1::REJECT_REASON_SCHEMA, "the first message must be a Hello"},
                       RefusedRows(message->batch().rows())});
    return false;
  }
  batch_ = DecodeRequest(message->mutable_batch(), hub_->now_ns(), limits_, &refused);
  if (batch_ != nullptr) return true;
  Refuse(sequence_, std::move(refused));
  return false;
}

void IngestionStream::Greet(const v1::Hello& hello) {
  producer_id_ = hello.producer_id();
  epoch_ = hello.epoch();
  uint64_t committed = 0;
  if (!producer_id_.empty()) {
    if (std::string problem = ProducerProblem(producer_id_); !problem.empty()) {
      Close({grpc::StatusCode::INVALID_ARGUMENT, std::move(problem)});
      return;
    }
    const absl::StatusOr<uint64_t> greeted = hub_->intake->Greet(producer_id_, epoch_);
    if (!greeted.ok()) {
      Close({static_cast<grpc::StatusCode>(greeted.status().code()),
             std::string(greeted.status().message())});
      return;
    }
    committed = *greeted;
  }
  greeted_ = true;
  next_ = committed + 1;
  std::lock_guard lock(mutex_);
  replies_.Welcome(committed, limits_.commit_sync);
}

bool IngestionStream::Submit() {
  const BatchName name{producer_id_, epoch_, sequence_};
  if (producer_id_.empty() && sequence_ != next_) {
    batch_.reset();
    Refuse(sequence_, {RefusalOf(Admission::kOutOfOrder, name, next_).refusal, 0});
    return true;
  }
  const uint64_t bytes = in_.Length();
  {
    std::lock_guard lock(mutex_);
    ++in_flight_;
    in_flight_bytes_ += bytes;
  }
  const Admission admission = hub_->intake->Submit(
      &batch_, name,
      [self = shared_from_this(), sequence = sequence_, bytes](const BatchResult& result) {
        self->Committed(sequence, bytes, result);
      },
      &next_);
  if (admission == Admission::kAccepted || admission == Admission::kDuplicate) return true;
  {
    std::lock_guard lock(mutex_);
    --in_flight_;
    in_flight_bytes_ -= bytes;
  }
  if (admission == Admission::kFull) return false;
  batch_.reset();
  AdmissionRefusal refused = RefusalOf(admission, name, next_);
  if (admission == Admission::kStopping) {
    Close({refused.code, std::move(refused.refusal.message)});
  } else {
    Refuse(sequence_, {std::move(refused.refusal), 0});
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
  std::lock_guard lock(mutex_);
  --in_flight_;
  in_flight_bytes_ -= bytes;
  replies_.Commit(sequence, result);
  Advance();
}

void IngestionStream::Refuse(uint64_t sequence, RefusedRequest refused) {
  Refusal& refusal = refused.refusal;
  if (refused.rows > 0) hub_->intake->CountRejected(refusal.reason, refused.rows);
  if (!greeted_) {
    Close({grpc::StatusCode::INVALID_ARGUMENT, std::move(refusal.message)});
    return;
  }
  std::lock_guard lock(mutex_);
  replies_.NotTaken(sequence, next_, refusal.reason, std::move(refusal.message));
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
    in_.Clear();
    StartRead(&in_);
  }
}

bool IngestionStream::ReadyToFinish() const {
  if (busy_ || writing_) return false;
  if (at_once_) return true;
  const bool answered = in_flight_ == 0 && replies_.empty();
  return answered && (final_status_.has_value() || (half_closed_ && !waiting_));
}

bool IngestionStream::ReadyToRead() const {
  return !reading_ && !busy_ && !waiting_ && !half_closed_ && !final_status_.has_value() &&
         !replies_.crowded() && in_flight_ < kBatchesInFlightMax &&
         in_flight_bytes_ < credit_bytes_;
}

}  // namespace faultline
