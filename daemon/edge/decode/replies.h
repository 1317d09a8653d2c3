#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

#include "daemon/core/contract/event.h"
#include "faultline/v1/ingestion.pb.h"

namespace faultline {

// Converts the outcome of a batch to its message.
void FillOutcome(uint64_t sequence, const BatchResult& result, v1::BatchOutcome* outcome);

// The messages that a stream still has to send to its client. While the client is slow to read,
// acknowledgements are merged into one.
//
// Concurrency:  not thread-safe.
// Limitations:  grows by one message per NotTaken and one per kOutcomesMax outcomes that are not
//               plain; the caller must stop reading at crowded(). Once crowded, outcomes lose their
//               row errors.
class Replies {
 public:
  static constexpr size_t kCrowded = 32;
  static constexpr int kOutcomesMax = 256;

  // Both go into every Ack; the credit also goes into the Welcome.
  Replies(uint64_t credit_bytes, int64_t commit_interval_ns);

  void Welcome(uint64_t committed_sequence, bool power_safe);
  // A batch is committed.
  void Commit(uint64_t sequence, const BatchResult& result);
  void NotTaken(uint64_t sequence, uint64_t expected, v1::RejectReason reason, std::string message);

  bool empty() const { return pending_.empty(); }
  bool crowded() const { return pending_.size() >= kCrowded; }
  // The next message to send. Must not be empty().
  v1::StreamInferencesResponse Take();

 private:
  v1::Ack* OpenAck();

  std::deque<v1::StreamInferencesResponse> pending_;
  uint64_t committed_ = 0;
  uint64_t credit_bytes_;
  uint32_t commit_interval_ms_;
};

}  // namespace faultline
