#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "daemon/edge/ingest/ingestion_desk.h"

namespace faultline {

// One LogInferences call: decodes, submits, and answers after the commit. If the pipeline is full
// it waits in line with its decoded batch; if too many do already, the batch is shed and the caller
// told to come again.
//
// Concurrency:  as IngestionStream.
class IngestionCall final : public grpc::ServerUnaryReactor,
                            public std::enable_shared_from_this<IngestionCall> {
 public:
  // `desk` must outlive the call.
  static IngestionCall* Open(IngestionDesk* desk, const grpc::ByteBuffer& request,
                             grpc::ByteBuffer* response);

  void OnCancel() override;
  void OnDone() override;

 private:
  IngestionCall(IngestionDesk* desk, grpc::ByteBuffer* response)
      : desk_(desk), response_(response) {}

  void Start(const grpc::ByteBuffer& request);
  bool Decode(const grpc::ByteBuffer& request);
  // False if the pipeline is full.
  bool Submit();
  bool Retry();
  void Wait();
  void Committed(const BatchResult& result);
  void Refuse(v1::RejectReason reason, std::string message, uint64_t rows);
  void End(const grpc::Status& status);

  IngestionDesk* const desk_;
  std::mutex mutex_;
  std::shared_ptr<IngestionCall> self_;  // until OnDone
  grpc::ByteBuffer* response_;           // valid until it is finished
  bool finished_ = false;
  // Of the thread that tries.
  std::unique_ptr<EventBatch> batch_;
  BatchName name_;
};

}  // namespace faultline
