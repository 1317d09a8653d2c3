#include "tests/daemon/edge/ingest/service_fixture.h"

namespace faultline {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST_F(ServiceTest, UnaryRoundTripOverTcpAndUnixSocket) {
  Serve();
  for (const std::string& address : {server_->address(), server_->socket_address()}) {
    auto stub = v1::IngestionService::NewStub(Dial(address));
    v1::LogInferencesRequest request;
    *request.mutable_batch() = NumbersBatch(3);
    v1::LogInferencesResponse response;
    const grpc::Status status = stub->LogInferences(Patient().get(), request, &response);
    ASSERT_TRUE(status.ok()) << address << ": " << status.error_message();
    EXPECT_EQ(response.outcome().applied_rows(), 3u);
  }
  const auto taken = intake_.Take();
  ASSERT_EQ(taken.size(), 2u);
  const EventBatch& batch = *taken[0].batch;
  EXPECT_EQ(batch.model, "credit");
  EXPECT_EQ(batch.version, "7");
  ASSERT_EQ(batch.columns.size(), 1u);
  EXPECT_THAT(batch.columns[0].numbers, ElementsAre(0, 1, 2));
  EXPECT_THAT(batch.times_ns, ElementsAre(1'700'000'000, 1'700'000'000, 1'700'000'000));
}

TEST_F(ServiceTest, UnaryAnswersOnlyAfterTheCommit) {
  Serve();
  intake_.set_holding(true);
  v1::LogInferencesRequest request;
  *request.mutable_batch() = NumbersBatch(1);
  std::atomic<bool> answered = false;
  std::thread caller([&] {
    v1::LogInferencesResponse response;
    EXPECT_TRUE(Log(request, &response).ok());
    answered = true;
  });
  ASSERT_TRUE(WaitUntil([&] { return intake_.batches() == 1; }));
  EXPECT_FALSE(answered);
  intake_.Commit();
  caller.join();
  EXPECT_TRUE(answered);
}

TEST_F(ServiceTest, UnaryPartialSuccessNamesTheRows) {
  Serve();
  v1::LogInferencesRequest request;
  *request.mutable_batch() = NumbersBatch(4);
  for (const char* id : {"a", "b", "a", "c"}) request.mutable_batch()->add_prediction_ids(id);
  v1::LogInferencesResponse response;
  ASSERT_TRUE(Log(request, &response).ok());
  EXPECT_EQ(response.outcome().applied_rows(), 3u);
  EXPECT_EQ(response.outcome().rejected_rows(), 1u);
  ASSERT_EQ(response.outcome().row_errors_size(), 1);
  EXPECT_EQ(response.outcome().row_errors(0).row(), 2u);
  EXPECT_EQ(response.outcome().row_errors(0).reason(), v1::REJECT_REASON_ID);
}

TEST_F(ServiceTest, UnaryStatusOfWhatIsNotTaken) {
  Serve();
  v1::LogInferencesRequest request;
  v1::LogInferencesResponse response;
  *request.mutable_batch() = NumbersBatch(5);
  request.mutable_batch()->clear_model();
  grpc::Status status = Log(request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("model"));
  EXPECT_EQ(intake_.rejected(v1::REJECT_REASON_SCHEMA), 5u);

  *request.mutable_batch() = NumbersBatch(1);
  request.mutable_producer()->set_id("p");
  request.mutable_producer()->set_epoch(2);
  request.mutable_producer()->set_sequence(2);
  status = Log(request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(status.error_message(), HasSubstr("the next sequence of this producer is 1"));
  request.mutable_producer()->set_sequence(1);
  EXPECT_TRUE(Log(request, &response).ok());
  EXPECT_EQ(response.outcome().applied_rows(), 1u);
  EXPECT_TRUE(Log(request, &response).ok());
  EXPECT_EQ(response.outcome().duplicate_rows(), 1u);
  request.mutable_producer()->set_epoch(1);
  EXPECT_EQ(Log(request, &response).error_code(), grpc::StatusCode::FAILED_PRECONDITION);

  intake_.set_stopping(true);
  EXPECT_EQ(Log(request, &response).error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(ServiceTest, UnaryWaitsForSpaceAndIsShedWhenTooManyWait) {
  Serve();
  intake_.set_full(true);
  v1::LogInferencesRequest request;
  *request.mutable_batch() = NumbersBatch(2);
  constexpr uint32_t kCalls = IngestionHub::kCallsWaitingMax + 6;
  std::atomic<uint32_t> ok = 0, busy = 0;
  std::vector<std::thread> callers;
  for (uint32_t i = 0; i < kCalls; ++i) {
    callers.emplace_back([&] {
      v1::LogInferencesResponse response;
      const grpc::Status status = Log(request, &response);
      ok += status.ok();
      if (status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED) {
        EXPECT_THAT(status.error_details(), HasSubstr("google.rpc.RetryInfo"));
        ++busy;
      }
    });
  }
  EXPECT_TRUE(WaitUntil([&] { return busy == 6; }));
  EXPECT_EQ(ok, 0u);
  EXPECT_EQ(intake_.shed(), 12u);
  intake_.set_full(false);
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(ok, IngestionHub::kCallsWaitingMax);
  EXPECT_EQ(intake_.rows(), 2u * IngestionHub::kCallsWaitingMax);
}

TEST_F(ServiceTest, StreamRoundTrip) {
  Serve();
  auto context = Patient();
  auto stream = stub_->StreamInferences(context.get());
  Answers answers;
  ASSERT_TRUE(stream->Write(HelloMessage("p", 1)));
  ASSERT_TRUE(ReadOne(stream.get(), &answers));
  for (uint64_t sequence = 1; sequence <= 100; ++sequence) {
    ASSERT_TRUE(stream->Write(BatchMessage(sequence, NumbersBatch(10))));
  }
  stream->WritesDone();
  while (ReadOne(stream.get(), &answers)) {
  }
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(answers.committed, 100u);
  EXPECT_EQ(answers.applied, 1000u);
  EXPECT_THAT(answers.outcomes, ElementsAre());
  EXPECT_THAT(answers.not_taken, ElementsAre());
  EXPECT_EQ(intake_.rows(), 1000u);
}

TEST_F(ServiceTest, AcknowledgementsOfOneCommitSumUp) {
  Serve();
  intake_.set_holding(true);
  auto context = Patient();
  auto stream = stub_->StreamInferences(context.get());
  Answers answers;
  stream->Write(HelloMessage("", 0));
  ASSERT_TRUE(ReadOne(stream.get(), &answers));
  for (uint64_t sequence = 1; sequence <= 50; ++sequence) {
    stream->Write(BatchMessage(sequence, NumbersBatch(1)));
  }
  ASSERT_TRUE(WaitUntil([&] { return intake_.batches() == 50; }));
  intake_.Commit();
  while (answers.committed < 50 && ReadOne(stream.get(), &answers)) {
  }
  EXPECT_EQ(answers.applied, 50u);
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(ServiceTest, ReconnectingProducerIsToldItsCommittedSequence) {
  Serve();
  for (uint64_t connection = 0; connection < 2; ++connection) {
    auto context = Patient();
    auto stream = stub_->StreamInferences(context.get());
    Answers answers;
    stream->Write(HelloMessage("p", 3));
    ASSERT_TRUE(ReadOne(stream.get(), &answers));
    EXPECT_EQ(answers.committed, connection);
    // The second connection sends what it has not seen acknowledged, and goes on.
    for (uint64_t sequence = 1; sequence <= connection + 1; ++sequence) {
      stream->Write(BatchMessage(sequence, NumbersBatch(4)));
    }
    stream->WritesDone();
    while (ReadOne(stream.get(), &answers)) {
    }
    EXPECT_TRUE(stream->Finish().ok());
    EXPECT_EQ(answers.committed, connection + 1);
    EXPECT_EQ(answers.applied, 4u);
    ASSERT_EQ(answers.outcomes.size(), connection);
    if (connection == 1) {
      EXPECT_EQ(answers.outcomes[0].duplicate_rows(), 4u);
    }
  }
  EXPECT_EQ(intake_.rows(), 8u);
}

TEST_F(ServiceTest, StreamStaysOpenAfterWhatIsNotTaken) {
  Serve();
  auto context = Patient();
  auto stream = stub_->StreamInferences(context.get());
  Answers answers;
  stream->Write(HelloMessage("p", 5));
  ASSERT_TRUE(ReadOne(stream.get(), &answers));
  stream->Write(BatchMessage(2, NumbersBatch(1)));  // a gap
  v1::InferenceBatch broken = NumbersBatch(3);
  broken.mutable_columns(0)->mutable_doubles()->add_values(9);
  stream->Write(BatchMessage(1, broken));
  stream->Write(HelloMessage("p", 5));  // again
  stream->Write(BatchMessage(1, NumbersBatch(2)));
  stream->WritesDone();
  while (ReadOne(stream.get(), &answers)) {
  }
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(answers.committed, 1u);
  EXPECT_EQ(answers.applied, 2u);
  ASSERT_EQ(answers.not_taken.size(), 3u);
  EXPECT_EQ(answers.not_taken[0].reason(), v1::REJECT_REASON_SEQUENCE);
  EXPECT_EQ(answers.not_taken[0].sequence(), 2u);
  EXPECT_EQ(answers.not_taken[0].expected_sequence(), 1u);
  EXPECT_EQ(answers.not_taken[1].reason(), v1::REJECT_REASON_SCHEMA);
  EXPECT_THAT(answers.not_taken[1].message(), HasSubstr("\"x\""));
  EXPECT_EQ(answers.not_taken[2].reason(), v1::REJECT_REASON_SCHEMA);
  EXPECT_EQ(intake_.rejected(v1::REJECT_REASON_SCHEMA), 3u);
}

TEST_F(ServiceTest, FencedProducerIsTold) {
  Serve();
  auto old_context = Patient();
  auto old_stream = stub_->StreamInferences(old_context.get());
  Answers answers;
  old_stream->Write(HelloMessage("p", 1));
  ASSERT_TRUE(ReadOne(old_stream.get(), &answers));
  auto new_context = Patient();
  auto new_stream = stub_->StreamInferences(new_context.get());
  Answers new_answers;
  new_stream->Write(HelloMessage("p", 2));
  ASSERT_TRUE(ReadOne(new_stream.get(), &new_answers));
  old_stream->Write(BatchMessage(1, NumbersBatch(1)));
  ASSERT_TRUE(ReadOne(old_stream.get(), &answers));
  ASSERT_EQ(answers.not_taken.size(), 1u);
  EXPECT_THAT(answers.not_taken[0].message(), HasSubstr("larger epoch"));
  // And when it comes back with the old epoch.
  auto late_context = Patient();
  auto late_stream = stub_->StreamInferences(late_context.get());
  late_stream->Write(HelloMessage("p", 1));
  EXPECT_FALSE(ReadOne(late_stream.get(), &answers));
  EXPECT_EQ(late_stream->Finish().error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(intake_.rows(), 0u);
}

TEST_F(ServiceTest, StreamWithoutProducerCountsFromOne) {
  Serve();
  auto context = Patient();
  auto stream = stub_->StreamInferences(context.get());
  Answers answers;
  stream->Write(HelloMessage("", 0));
  for (const uint64_t sequence : {1, 3, 2, 2}) {
    stream->Write(BatchMessage(sequence, NumbersBatch(1)));
  }
  stream->WritesDone();
  while (ReadOne(stream.get(), &answers)) {
  }
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(answers.committed, 2u);
  EXPECT_EQ(answers.applied, 2u);
  ASSERT_EQ(answers.not_taken.size(), 2u);
  EXPECT_EQ(answers.not_taken[0].expected_sequence(), 2u);
  EXPECT_EQ(answers.not_taken[1].expected_sequence(), 3u);
}

TEST_F(ServiceTest, FirstMessageMustBeAHello) {
  Serve();
  auto context = Patient();
  auto stream = stub_->StreamInferences(context.get());
  stream->Write(BatchMessage(1, NumbersBatch(1)));
  Answers answers;
  EXPECT_FALSE(ReadOne(stream.get(), &answers));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ServiceTest, FullPipelineHoldsTheStreamAndLosesNothing) {
  Serve();
  intake_.set_full(true);
  auto context = Patient();
  auto stream = stub_->StreamInferences(context.get());
  Answers answers;
  stream->Write(HelloMessage("p", 1));
  ASSERT_TRUE(ReadOne(stream.get(), &answers));
  std::thread sender([&] {
    for (uint64_t sequence = 1; sequence <= 20; ++sequence) {
      stream->Write(BatchMessage(sequence, NumbersBatch(1000)));
    }
    stream->WritesDone();
  });
  ASSERT_TRUE(WaitUntil([&] { return intake_.waiters() > 0; }));
  EXPECT_EQ(intake_.rows(), 0u);
  intake_.set_full(false);
  while (ReadOne(stream.get(), &answers)) {
  }
  sender.join();
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(answers.committed, 20u);
  EXPECT_EQ(intake_.rows(), 20'000u);
  EXPECT_THAT(answers.not_taken, ElementsAre());
}

}  // namespace
}  // namespace faultline
