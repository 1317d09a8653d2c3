#include "daemon/edge/ingest/ingestion_desk.h"

#include "daemon/edge/ingest/ingestion_stream.h"

namespace faultline {

void IngestionDesk::Add(IngestionStream* stream) {
  std::lock_guard lock(mutex_);
  streams_.insert(stream);
  if (draining_) stream->Drain();
}

void IngestionDesk::Remove(IngestionStream* stream) {
  std::lock_guard lock(mutex_);
  streams_.erase(stream);
}

void IngestionDesk::Drain() {
  std::lock_guard lock(mutex_);
  draining_ = true;
  for (IngestionStream* stream : streams_) stream->Drain();
}

bool IngestionDesk::MayWait(uint64_t bytes) {
  const uint64_t bytes_max = intake->limits().queue_bytes_max / 4;
  std::lock_guard lock(mutex_);
  if (calls_waiting_ >= kCallsWaitingMax) return false;
  if (calls_waiting_ > 0 && bytes_waiting_ + bytes > bytes_max) return false;
  ++calls_waiting_;
  bytes_waiting_ += bytes;
  return true;
}

void IngestionDesk::Leave(uint64_t bytes) {
  std::lock_guard lock(mutex_);
  --calls_waiting_;
  bytes_waiting_ -= bytes;
}

}  // namespace faultline
