#include "daemon/edge/ingest/ingestion_hub.h"

#include <utility>

#include "daemon/edge/ingest/ingestion_stream.h"

namespace faultline {

void IngestionHub::Add(IngestionStream* stream) {
  std::lock_guard lock(mutex_);
  streams_.insert(stream);
  if (draining_) stream->Drain();
}

void IngestionHub::Remove(IngestionStream* stream) {
  std::lock_guard lock(mutex_);
  streams_.erase(stream);
}

void IngestionHub::Drain() {
  std::lock_guard lock(mutex_);
  draining_ = true;
  for (IngestionStream* stream : streams_) stream->Drain();
}

bool IngestionHub::WaitForSpace(uint64_t bytes, RetryQueue::Attempt attempt) {
  if (!Reserve(bytes)) return false;
  retry_queue.Join([this, bytes, attempt = std::move(attempt)] {
    if (!attempt()) return false;
    Release(bytes);
    return true;
  });
  return true;
}

bool IngestionHub::Reserve(uint64_t bytes) {
  const uint64_t bytes_max = intake->limits().queue_bytes_max / 4;
  std::lock_guard lock(mutex_);
  if (calls_waiting_ >= kCallsWaitingMax) return false;
  if (calls_waiting_ > 0 && bytes_waiting_ + bytes > bytes_max) return false;
  ++calls_waiting_;
  bytes_waiting_ += bytes;
  return true;
}

void IngestionHub::Release(uint64_t bytes) {
  std::lock_guard lock(mutex_);
  --calls_waiting_;
  bytes_waiting_ -= bytes;
}

}  // namespace faultline
