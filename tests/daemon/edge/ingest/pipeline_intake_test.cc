#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "daemon/edge/grpc/grpc_server.h"
#include "daemon/edge/ingest/ingestion_service.h"
#include "daemon/edge/ingest/intake.h"
#include "storage/memory_store.h"

// The service in front of the real pipeline.

namespace faultline {
namespace {

TEST(PipelineIntakeTest, WhatIsAcknowledgedIsApplied) {
  v1::Config config;
  config.mutable_limits()->set_queue("64KiB");  // so small that the stream has to wait
  auto settings = Settings::Make(config);
  ASSERT_TRUE(settings.ok()) << settings.status();
  const std::unique_ptr<Store> store = NewMemoryStore();
  Pipeline pipeline(*settings, store.get(), nullptr, nullptr);
  ASSERT_TRUE(pipeline.Start().ok());
  const std::unique_ptr<Intake> intake = MakeIntake(&pipeline);
  IngestionService service(intake.get());
  GrpcServerOptions options;
  options.address = "127.0.0.1:0";
  auto server = GrpcServer::Start(options, {&service});
  ASSERT_TRUE(server.ok()) << server.status();

  auto stub = v1::IngestionService::NewStub(
      grpc::CreateChannel((*server)->address(), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(120));
  auto stream = stub->StreamInferences(&context);
  v1::StreamInferencesRequest request;
  request.mutable_hello()->set_producer_id("p");
  request.mutable_hello()->set_epoch(1);
  ASSERT_TRUE(stream->Write(request));
  v1::InferenceBatch* batch = request.mutable_batch()->mutable_batch();
  batch->set_model("m");
  batch->set_rows(500);
  v1::Column* column = batch->add_columns();
  column->set_name("x");
  for (int row = 0; row < 500; ++row) column->mutable_doubles()->add_values(row % 7);
  constexpr uint64_t kBatches = 60;
  for (uint64_t sequence = 1; sequence <= kBatches; ++sequence) {
    request.mutable_batch()->set_sequence(sequence);
    ASSERT_TRUE(stream->Write(request));
  }
  stream->WritesDone();
  v1::StreamInferencesResponse response;
  uint64_t applied = 0, committed = 0;
  while (stream->Read(&response)) {
    EXPECT_FALSE(response.has_not_taken()) << response.not_taken().message();
    if (!response.has_ack()) continue;
    applied += response.ack().applied_rows();
    committed = response.ack().committed_sequence();
  }
  const grpc::Status status = stream->Finish();
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(committed, kBatches);
  EXPECT_EQ(applied, kBatches * 500);
  EXPECT_EQ(pipeline.Read().rows.applied, kBatches * 500);

  service.Drain();
  (*server)->Stop(std::chrono::seconds(5));
  pipeline.Stop();
}

}  // namespace
}  // namespace faultline
