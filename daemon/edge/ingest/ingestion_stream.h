#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include "daemon/edge/decode/replies.h"
#include "daemon/edge/ingest/in_flight_credit.h"
#include "daemon/edge/ingest/ingestion_hub.h"
#include "daemon/edge/ingest/request.h"
#include "daemon/edge/ingest/stream_producer.h"

namespace faultline {

// One StreamInferences call.
//
// Operation:    at most one message is read ahead. The thread that read it decodes and submits it.
//               If the pipeline is full, the message waits in the retry queue, still encoded unless
//               it is the first there, and the stream reads nothing more. It does not read either
//               while the credit is used up or the client does not read its acknowledgements. It
//               finishes when the client has sent everything and all of it is acknowledged, when
//               the call is cancelled, or when it is drained.
// Concurrency:  gRPC's threads, the committer's and the retry queue's. It lives until OnDone and
//               the last callback of the pipeline; after it has finished, callbacks do nothing.
class IngestionStream final : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
                              public std::enable_shared_from_this<IngestionStream> {
 public:
  // `hub` must outlive the call.
  static IngestionStream* Open(IngestionHub* hub);
  // Accepts nothing more; ends with UNAVAILABLE once all accepted batches are acknowledged.
  void Drain();

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  explicit IngestionStream(IngestionHub* hub);

  // The message being received, or decoded and submitted.
  struct Incoming {
    grpc::ByteBuffer bytes;
    std::unique_ptr<EventBatch> batch;  // null until it is decoded
    uint64_t sequence = 0;              // of the batch
  };

  // Only while busy_ is held, one at a time, without the lock.
  bool Attempt();
  bool Decode();
  bool DecodeOne(v1::SequencedBatch* message);
  bool Submit();
  void Greet(const v1::Hello& hello);

  // Ends an attempt. False: it must be retried.
  bool Settle(bool done);
  bool Retry();
  void Committed(uint64_t sequence, uint64_t bytes, const BatchResult& result);
  void Refuse(uint64_t sequence, RefusedRequest refused);
  void Close(const grpc::Status& status);

  // With the lock: starts the next read, write or finish that is due.
  void Advance();
  bool ReadyToFinish() const;
  bool ReadyToRead() const;

  IngestionHub* const hub_;
  const IntakeLimits limits_;

  std::mutex mutex_;
  std::shared_ptr<IngestionStream> self_;  // until OnDone
  Replies replies_;
  std::optional<grpc::Status> final_status_;
  bool at_once_ = false;  // finish without waiting for batches in flight
  bool finished_ = false;
  bool reading_ = false;
  bool writing_ = false;
  bool busy_ = false;     // a thread decodes or submits incoming_
  bool waiting_ = false;  // in the retry queue
  bool half_closed_ = false;
  InFlightCredit credit_;
  grpc::ByteBuffer out_;

  // Used only by the thread that holds busy_, or by the pending read.
  Incoming incoming_;
  StreamProducer producer_;
};

}  // namespace faultline
