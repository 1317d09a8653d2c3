#include "daemon/edge/ingest/ingestion_stream.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "daemon/core/contract/limits.h"
#include "daemon/edge/decode/decode.h"
#include "daemon/edge/decode/names.h"
#include "daemon/edge/grpc/wire.h"

namespace faultline {

IngestionStream::IngestionStream(IngestionDesk* desk)
    : desk_(desk),
      limits_(desk->intake->limits()),
      credit_bytes_(std::max<uint64_t>(limits_.queue_bytes_max / 2, 1 << 20)),
      replies_(credit_bytes_, limits_.commit_interval_ns) {}

IngestionStream* IngestionStream::Open(IngestionDesk* desk) {
  auto stream = std::shared_ptr<IngestionStream>(new IngestionStream(desk));
  stream->self_ = stream;
  desk->Add(stream.get());
  std::lock_guard lock(stream->mutex_);
  stream->Advance();
  return stream.get();
}

void IngestionStream::Drain() { Close({grpc::StatusCode::UNAVAILABLE, "the daemon is stopping"}); }

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
  const bool done = desk_->line.empty() && Attempt();
  if (Settle(done)) return;
  desk_->line.Join([self = shared_from_this()] { return self->Retry(); });
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
  desk_->Remove(this);
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
  if (in_.Length() > limits_.message_bytes_max) {
    Refuse(
        0, v1::REJECT_REASON_OVERSIZE,
        absl::StrCat("a message of ", in_.Length(), " bytes, at most ", limits_.message_bytes_max),
        1);
    return false;
  }
  ScratchArena arena;
  auto* request = arena.Make<v1::StreamInferencesRequest>();
  if (!ParseMessage(in_, request)) {
    Refuse(0, v1::REJECT_REASON_DECODE, "the bytes are not a StreamInferencesRequest", 1);
    return false;
  }
  if (request->has_batch()) return DecodeOne(request->mutable_batch());
  if (request->has_hello() && !greeted_) {
    Greet(request->hello());
  } else {
    Refuse(0, v1::REJECT_REASON_SCHEMA,
           request->has_hello() ? "only the first message may be a Hello" : "an empty message", 0);
  }
  return false;
}

bool IngestionStream::DecodeOne(v1::SequencedBatch* message) {
  sequence_ = message->sequence();
  const uint64_t rows = message->batch().rows();
  if (!greeted_) {
    Refuse(sequence_, v1::REJECT_REASON_SCHEMA, "the first message must be a Hello",
           RefusedRows(rows));
    return false;
  }
  Refusal refusal;
  const DecodeOptions options{desk_->now_ns(), limits_.queue_bytes_max, Source::kGrpc};
  batch_ = DecodeBatch(message->mutable_batch(), options, &refusal);
  if (batch_ != nullptr) return true;
  Refuse(sequence_, refusal.reason, std::move(refusal.message), RefusedRows(rows));
  return false;
}

void IngestionStream::Greet(const v1::Hello& hello) {
  producer_id_ = hello.producer_id();
  epoch_ = hello.epoch();
  uint64_t committed = 0;
  if (!producer_id_.empty()) {
    if (const char* problem = NameProblem(producer_id_, kNameBytesMax)) {
      Close({grpc::StatusCode::INVALID_ARGUMENT, absl::StrCat("the producer id ", problem)});
      return;
    }
    const absl::StatusOr<uint64_t> mark = desk_->intake->Greet(producer_id_, epoch_);
    if (!mark.ok()) {
      Close({static_cast<grpc::StatusCode>(mark.status().code()),
             std::string(mark.status().message())});
      return;
    }
    committed = *mark;
  }
  greeted_ = true;
  next_ = committed + 1;
  std::lock_guard lock(mutex_);
  replies_.Welcome(committed, limits_.commit_sync);
}

bool IngestionStream::Submit() {
  if (producer_id_.empty() && sequence_ != next_) {
    batch_.reset();
    Refuse(sequence_, v1::REJECT_REASON_SEQUENCE, "not the next sequence of this stream", 0);
    return true;
  }
  const uint64_t bytes = in_.Length();
  {
    std::lock_guard lock(mutex_);
    ++in_flight_;
    in_flight_bytes_ += bytes;
  }
  const Admission admission = desk_->intake->Submit(
      &batch_, {producer_id_, epoch_, sequence_},
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
  if (admission == Admission::kStopping) {
    Close({grpc::StatusCode::UNAVAILABLE, "the daemon is stopping, or its store is broken"});
  } else if (admission == Admission::kLimit) {
    Refuse(sequence_, v1::REJECT_REASON_LIMIT, "too many producers", 0);
  } else {
    Refuse(sequence_, v1::REJECT_REASON_SEQUENCE,
           admission == Admission::kFenced ? "a larger epoch of this producer is here"
                                           : "not the next sequence of this producer",
           0);
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

void IngestionStream::Refuse(uint64_t sequence, v1::RejectReason reason, std::string message,
                             uint64_t rows) {
  if (rows > 0) desk_->intake->CountRejected(reason, rows);
  if (!greeted_) {
    Close({grpc::StatusCode::INVALID_ARGUMENT, std::move(message)});
    return;
  }
  std::lock_guard lock(mutex_);
  replies_.NotTaken(sequence, next_, reason, std::move(message));
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
