#include "daemon/edge/ingest/ingestion_service.h"

#include "daemon/edge/ingest/ingestion_call.h"
#include "daemon/edge/ingest/ingestion_stream.h"

namespace faultline {

grpc::ServerUnaryReactor* IngestionService::LogInferences(grpc::CallbackServerContext* /*context*/,
                                                          const grpc::ByteBuffer* request,
                                                          grpc::ByteBuffer* response) {
  return IngestionCall::Open(&hub_, *request, response);
}

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* IngestionService::StreamInferences(
    grpc::CallbackServerContext* /*context*/) {
  return IngestionStream::Open(&hub_);
}

}  // namespace faultline
