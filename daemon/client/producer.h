#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "faultline/v1/event.pb.h"
#include "faultline/v1/ingestion.pb.h"

namespace faultline::cli {

struct ProducerOptions {
  std::string address;  // host:port or unix:/path
  std::string id;       // 1 to 128 bytes; see Producer.id of the contract
  uint64_t epoch = 1;
  // Batches that are sent and not acknowledged, all together; a larger single one passes.
  uint64_t unacknowledged_bytes_max = 16 << 20;
  std::chrono::milliseconds connect_timeout{3'000};
  // Without a connection for this long, it fails for good. A Send that waits for room fails after
  // this long without any acknowledgement.
  std::chrono::milliseconds give_up_after{60'000};
  // Asked every 100 ms by the waiting thread, and must not block: true ends Connect and Send with
  // CANCELLED, and lets Flush wait for 1 s more. Stays true once it is.
  std::function<bool()> interrupted;
  // Told that the connection is lost, or that nothing is acknowledged, since so many seconds: after
  // 1, 2, 4, ... s. From the producer's thread and from Send; must not call back.
  std::function<void(const std::string& what, int seconds)> on_trouble;
  // What became of each batch, in order, once it is committed. Called by the producer's thread (by
  // Send for batches of an earlier run); must not block or call back.
  std::function<void(uint64_t sequence, const v1::BatchOutcome& outcome)> on_committed;
};

// sent = applied + late + rejected + duplicate + unreported + rows not acknowledged yet.
struct ProducerTotals {
  uint64_t batches = 0;
  uint64_t sent_rows = 0;
  uint64_t applied_rows = 0;
  uint64_t late_rows = 0;
  uint64_t rejected_rows = 0;
  uint64_t duplicate_rows = 0;
  // Of the duplicates: not sent, as an earlier run with this id and epoch had come this far.
  uint64_t skipped_rows = 0;
  // Committed, but the connection broke before the daemon said what became of each row.
  uint64_t unreported_rows = 0;
  uint64_t unacknowledged_rows = 0;
  uint64_t reconnects = 0;
  uint64_t resent_batches = 0;
  v1::Durability durability = v1::DURABILITY_UNSPECIFIED;
};

// The client's side of StreamInferences: sends batches in order, each applied once.
//
// Operation:    batches are numbered from 1 in the order of Send and kept until they are
//               acknowledged. They are sent ahead within the daemon's credit. When the connection
//               breaks it is opened again, at growing intervals up to 2 s, and what lies behind the
//               daemon's mark is sent again. A batch that is refused as a whole counts as rejected
//               and gives its number to an empty batch. If the daemon knows this id and epoch
//               already, the first batches, up to its mark, are not sent and count as duplicates:
//               the same batches sent by a second run do no harm, and an interrupted run goes on.
// Concurrency:  Send, Flush and totals from any thread; Send by one at a time, as it gives order.
// Failures:     after a failure for good (fenced by a larger epoch, another sender with this id, no
//               connection for give_up_after, a daemon that forgot what it had acknowledged)
//               every call returns it.
// Limitations:  memory is unacknowledged_bytes_max and one batch.
class Producer {
 public:
  // Waits for the daemon's welcome. UNAVAILABLE if there is none within connect_timeout.
  static absl::StatusOr<std::unique_ptr<Producer>> Connect(ProducerOptions options);
  // Does not wait for acknowledgements; Flush does.
  virtual ~Producer() = default;

  // Takes a batch; returns its sequence. Blocks while too much is unacknowledged. CANCELLED when
  // interrupted, ABORTED when nothing is acknowledged for give_up_after: the batch is not taken.
  virtual absl::StatusOr<uint64_t> Send(v1::InferenceBatch batch) = 0;
  // Waits until everything sent is acknowledged. DEADLINE_EXCEEDED if it takes longer.
  virtual absl::Status Flush(std::chrono::milliseconds deadline) = 0;
  virtual ProducerTotals totals() const = 0;
  // Batches that an earlier run with this id and epoch had sent: as many are skipped.
  virtual uint64_t earlier_batches() const = 0;
};

}  // namespace faultline::cli
