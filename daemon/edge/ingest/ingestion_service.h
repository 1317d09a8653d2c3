#pragma once

#include <cstdint>
#include <functional>

#include "base/clock.h"
#include "daemon/edge/ingest/ingestion_hub.h"
#include "faultline/v1/ingestion.grpc.pb.h"

namespace faultline {

using RawIngestion = v1::IngestionService::WithRawCallbackMethod_LogInferences<
    v1::IngestionService::WithRawCallbackMethod_StreamInferences<v1::IngestionService::Service>>;

// faultline.v1.IngestionService. Both methods take raw bytes, so that bytes that are not a message
// are answered and counted like any other refusal, and a stream stays open.
//
// Operation:    see IngestionStream and IngestionCall.
// Concurrency:  thread-safe. Must outlive the server's shutdown.
// Failures:     LogInferences: INVALID_ARGUMENT for a message that breaks the contract,
//               FAILED_PRECONDITION for a sequence out of order or an epoch that is over,
//               RESOURCE_EXHAUSTED for a message that is too large, too many producers, or (with a
//               google.rpc.RetryInfo in the details) too many waiting calls, UNAVAILABLE while
//               stopping or while the store is broken.
class IngestionService final : public RawIngestion {
 public:
  // `intake` must outlive it.
  explicit IngestionService(Intake* intake, std::function<int64_t()> now_ns = WallNowNs)
      : hub_(intake, std::move(now_ns)) {}

  // Accepts nothing more. Streams end once their accepted batches are acknowledged.
  void Drain() { hub_.Drain(); }
  // For other sources, which share its retry queue and limits.
  IngestionHub* hub() { return &hub_; }

  grpc::ServerUnaryReactor* LogInferences(grpc::CallbackServerContext* context,
                                          const grpc::ByteBuffer* request,
                                          grpc::ByteBuffer* response) override;
  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* StreamInferences(
      grpc::CallbackServerContext* context) override;

 private:
  IngestionHub hub_;
};

}  // namespace faultline
