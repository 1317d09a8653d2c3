#pragma once

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

#include "daemon/edge/grpc/grpc_server.h"
#include "daemon/edge/ingest/ingestion_service.h"
#include "faultline/v1/ingestion.grpc.pb.h"
#include "tests/daemon/edge/ingest/fake_intake.h"
#include "tests/support/wait.h"

namespace faultline {

using testing::WaitUntil;

// A client's context with a deadline that only a hang can exceed.
inline std::unique_ptr<grpc::ClientContext> Patient() {
  auto context = std::make_unique<grpc::ClientContext>();
  context->set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
  return context;
}

// A batch of model "credit" with one column "x" of 0, 1, 2, ...
inline v1::InferenceBatch NumbersBatch(uint32_t rows) {
  v1::InferenceBatch batch;
  batch.set_model("credit");
  batch.set_version("7");
  batch.set_rows(rows);
  v1::Column* column = batch.add_columns();
  column->set_name("x");
  for (uint32_t row = 0; row < rows; ++row) column->mutable_doubles()->add_values(row);
  return batch;
}

// A real server over loopback and a unix socket in front of a FakeIntake.
class ServiceTest : public ::testing::Test {
 protected:
  using Stream =
      grpc::ClientReaderWriter<v1::StreamInferencesRequest, v1::StreamInferencesResponse>;

  ServiceTest() {
    std::string name = (std::filesystem::temp_directory_path() / "faultline-XXXXXX").string();
    EXPECT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  ~ServiceTest() override {
    server_.reset();
    service_.reset();
    std::filesystem::remove_all(folder_);
  }

  GrpcServerOptions Options() {
    GrpcServerOptions options;
    options.address = "127.0.0.1:0";
    options.socket_path = (folder_ / "s").string();
    options.ready = [this] { return intake_.ready(); };
    return options;
  }
  void Serve() { Serve(Options()); }
  void Serve(const GrpcServerOptions& options) {
    service_ = std::make_unique<IngestionService>(&intake_, [] { return int64_t{1'700'000'000}; });
    auto started = GrpcServer::Start(options, {service_.get()});
    ASSERT_TRUE(started.ok()) << started.status();
    server_ = std::move(*started);
    stub_ = v1::IngestionService::NewStub(Dial(server_->address()));
  }
  static std::shared_ptr<grpc::Channel> Dial(const std::string& address) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // a connection of its own
    return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
  }

  grpc::Status Log(const v1::LogInferencesRequest& request, v1::LogInferencesResponse* response) {
    return stub_->LogInferences(Patient().get(), request, response);
  }
  static v1::StreamInferencesRequest HelloMessage(const std::string& id, uint64_t epoch) {
    v1::StreamInferencesRequest request;
    request.mutable_hello()->set_producer_id(id);
    request.mutable_hello()->set_epoch(epoch);
    return request;
  }
  static v1::StreamInferencesRequest BatchMessage(uint64_t sequence,
                                                  const v1::InferenceBatch& batch) {
    v1::StreamInferencesRequest request;
    request.mutable_batch()->set_sequence(sequence);
    *request.mutable_batch()->mutable_batch() = batch;
    return request;
  }
  // Reads answers until an Ack covers `sequence`; sums up what they say.
  struct Answers {
    uint64_t committed = 0;
    uint64_t applied = 0;
    std::vector<v1::BatchOutcome> outcomes;
    std::vector<v1::NotTaken> not_taken;
    size_t acks = 0;
  };
  static bool ReadOne(Stream* stream, Answers* answers) {
    v1::StreamInferencesResponse response;
    if (!stream->Read(&response)) return false;
    if (response.has_welcome()) answers->committed = response.welcome().committed_sequence();
    if (response.has_not_taken()) answers->not_taken.push_back(response.not_taken());
    if (response.has_ack()) {
      ++answers->acks;
      answers->committed = response.ack().committed_sequence();
      answers->applied += response.ack().applied_rows();
      for (const auto& outcome : response.ack().outcomes()) answers->outcomes.push_back(outcome);
    }
    return true;
  }

  std::filesystem::path folder_;
  FakeIntake intake_;
  std::unique_ptr<IngestionService> service_;
  std::unique_ptr<GrpcServer> server_;
  std::unique_ptr<v1::IngestionService::Stub> stub_;
};

}  // namespace faultline
