#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "daemon/client/producer.h"

namespace faultline::cli {

// A producer's unacknowledged batches, the next message to write, and the totals.
//
// Concurrency:  not thread-safe.
class Unacknowledged {
 public:
  // Numbers a batch and keeps it. If an earlier run had sent it, it is not kept and `skipped` is
  // set.
  uint64_t Add(v1::StreamInferencesRequest request, uint64_t bytes, v1::BatchOutcome* skipped);

  // A connection was opened: continues after the daemon's committed sequence. ABORTED,
  // FAILED_PRECONDITION or DATA_LOSS if that is impossible.
  absl::Status Welcome(const v1::Welcome& welcome, std::vector<v1::BatchOutcome>* outcomes);
  // Appends the outcome of each batch, in order.
  void Acknowledge(const v1::Ack& ack, std::vector<v1::BatchOutcome>* outcomes);
  // ABORTED: reconnect. Any other error is permanent.
  absl::Status NotTaken(const v1::NotTaken& not_taken);

  // True if there is a batch to be written and the credit allows it.
  bool HasNext() const;
  std::shared_ptr<const v1::StreamInferencesRequest> TakeNext();

  bool empty() const { return batches_.empty(); }
  uint64_t bytes() const { return bytes_; }
  uint64_t rows() const { return rows_; }
  uint64_t committed() const { return committed_; }
  uint64_t earlier() const { return earlier_; }
  ProducerTotals totals() const;

 private:
  struct Batch {
    std::shared_ptr<v1::StreamInferencesRequest> request;
    uint64_t bytes = 0;
    uint64_t rows = 0;
    // Set if the daemon refused the whole batch; an empty one is sent in its place.
    v1::RejectReason refused = v1::REJECT_REASON_UNSPECIFIED;
    std::string why;
  };

  v1::BatchOutcome Settle(const v1::BatchOutcome* reported, bool known);
  uint64_t front() const { return last_ - batches_.size() + 1; }

  std::deque<Batch> batches_;  // sequences last_ - size + 1 to last_
  uint64_t last_ = 0;
  uint64_t next_ = 1;       // to be written
  uint64_t committed_ = 0;  // by the daemon's word
  uint64_t earlier_ = 0;    // committed by an earlier run
  bool welcomed_ = false;
  uint64_t bytes_ = 0;
  uint64_t rows_ = 0;
  uint64_t written_bytes_ = 0;  // on this connection
  uint64_t written_last_ = 0;   // on any connection
  uint64_t credit_bytes_ = 0;
  ProducerTotals totals_;
};

}  // namespace faultline::cli
