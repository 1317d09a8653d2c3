#pragma once

#include <cstdint>
#include <functional>

#include "base/clock.h"
#include "daemon/edge/ingest/ingestion_desk.h"
#include "faultline/v1/ingestion.grpc.pb.h"

namespace faultline {

using RawIngestion = v1::IngestionService::WithRawCallbackMethod_LogInferences<
    v1::IngestionService::WithRawCallbackMethod_StreamInferences<v1::IngestionService::Service>>;

// faultline.v1.IngestionService. Both methods take raw bytes, so that bytes that are no message are
// answered and counted like any other refusal, and a stream stays open.
//
// Operation:    see IngestionStream and IngestionCall.
// Concurrency:  thread-safe. Must outlive the server's shutdown.
// Failures:     LogInferences: INVALID_ARGUMENT for what breaks the contract, FAILED_PRECONDITION
//               for a sequence that is not the next one or an epoch that is over,
//               RESOURCE_EXHAUSTED for a message that is too large, too many producers, or (with a
//               google.rpc.RetryInfo in the details) too many calls that wait, UNAVAILABLE while
//               stopping or while the store is broken.
class IngestionService final : public RawIngestion {
 public:
  // `intake` must outlive it.
  explicit IngestionService(Intake* intake, std::function<int64_t()> now_ns = WallNowNs)
      : desk_(intake, std::move(now_ns)) {}

  // Takes nothing more. Streams end once what they took is acknowledged.
  void Drain() { desk_.Drain(); }
  // For other sources that stand in the same line.
  IngestionDesk* desk() { return &desk_; }

  grpc::ServerUnaryReactor* LogInferences(grpc::CallbackServerContext* context,
                                          const grpc::ByteBuffer* request,
                                          grpc::ByteBuffer* response) override;
  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* StreamInferences(
      grpc::CallbackServerContext* context) override;

 private:
  IngestionDesk desk_;
};

}  // namespace faultline
