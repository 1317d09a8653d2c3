#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "daemon/edge/ingest/ingestion_hub.h"
#include "daemon/edge/ingest/request.h"

namespace faultline {

// One LogInferences call: decodes, submits, and answers after the commit. If the pipeline is full,
// the call waits in the retry queue with its decoded batch; if too many calls wait already, the
// batch is shed and the caller is told to send it again.
//
// Concurrency:  as IngestionStream.
class IngestionCall final : public grpc::ServerUnaryReactor,
                            public std::enable_shared_from_this<IngestionCall> {
 public:
  // `hub` must outlive the call.
  static IngestionCall* Open(IngestionHub* hub, const grpc::ByteBuffer& request,
                             grpc::ByteBuffer* response);

  void OnCancel() override;
  void OnDone() override;

 private:
  IngestionCall(IngestionHub* hub, grpc::ByteBuffer* response) : hub_(hub), response_(response) {}

  void Start(const grpc::ByteBuffer& request);
  bool Decode(const grpc::ByteBuffer& request);
  // False if the pipeline is full.
  bool Submit();
  bool Retry();
  void Wait();
  void Committed(const BatchResult& result);
  void Refuse(const RefusedRequest& refused);
  void End(const grpc::Status& status);

  IngestionHub* const hub_;
  std::mutex mutex_;
  std::shared_ptr<IngestionCall> self_;  // until OnDone
  grpc::ByteBuffer* response_;           // valid until it is finished
  bool finished_ = false;
  // Of the thread that submits.
  std::unique_ptr<EventBatch> batch_;
  BatchName name_;
};

}  // namespace faultline
