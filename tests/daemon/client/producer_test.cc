#include "daemon/client/producer.h"

#include <gmock/gmock.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "faultline/v1/ingestion.grpc.pb.h"

namespace faultline::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr auto kLong = std::chrono::seconds(60);

// A daemon that keeps marks and counts rows, and does what a test asks of it.
class FakeDaemon final : public v1::IngestionService::Service {
 public:
  struct Script {
    std::set<uint64_t> break_at;  // receipt number of batches with which the stream breaks
    grpc::StatusCode break_code = grpc::StatusCode::UNAVAILABLE;
    bool apply_before_break = false;  // that batch is committed, but not acknowledged
    std::set<uint64_t> skip;          // receipt numbers that are lost
    std::set<uint64_t> refuse_rows;   // row counts of batches that are not taken
    uint64_t credit = 1 << 20;
    bool mute = false;  // takes, but never acknowledges
    grpc::Status greeting;
    bool forget_at_break = false;
  };

  grpc::Status StreamInferences(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<v1::StreamInferencesResponse, v1::StreamInferencesRequest>* stream)
      override {
    v1::StreamInferencesRequest request;
    if (!stream->Read(&request) || !request.has_hello()) {
      return {grpc::StatusCode::INVALID_ARGUMENT, "no hello"};
    }
    const std::string producer = request.hello().producer_id();
    v1::StreamInferencesResponse response;
    {
      std::lock_guard lock(mutex_);
      ++streams;
      if (!script.greeting.ok()) return script.greeting;
      response.mutable_welcome()->set_committed_sequence(marks[producer]);
      response.mutable_welcome()->set_credit_bytes(script.credit);
      response.mutable_welcome()->set_durability(v1::DURABILITY_PROCESS);
    }
    stream->Write(response);
    std::jthread watcher([&](const std::stop_token& stop) {
      while (!stop.stop_requested() && !hang_up) std::this_thread::sleep_for(milliseconds(1));
      if (hang_up.exchange(false)) context->TryCancel();
    });
    while (stream->Read(&request)) {
      v1::StreamInferencesResponse answer;
      if (!Take(producer, request.batch(), &answer)) {
        return {script.break_code, "pulled the plug"};
      }
      if (answer.message_case() != v1::StreamInferencesResponse::MESSAGE_NOT_SET) {
        stream->Write(answer);
      }
    }
    return grpc::Status::OK;
  }

  bool Take(const std::string& producer, const v1::SequencedBatch& batch,
            v1::StreamInferencesResponse* answer) {
    std::lock_guard lock(mutex_);
    const uint64_t receipt = ++received;
    uint64_t& mark = marks[producer];
    const bool breaks = script.break_at.contains(receipt);
    if (script.skip.contains(receipt)) return true;
    if (batch.sequence() != mark + 1) {
      v1::NotTaken* not_taken = answer->mutable_not_taken();
      not_taken->set_sequence(batch.sequence());
      not_taken->set_expected_sequence(mark + 1);
      not_taken->set_reason(v1::REJECT_REASON_SEQUENCE);
      not_taken->set_message("not the next");
      return true;
    }
    if (script.refuse_rows.contains(batch.batch().rows())) {
      v1::NotTaken* not_taken = answer->mutable_not_taken();
      not_taken->set_expected_sequence(mark + 1);
      not_taken->set_reason(v1::REJECT_REASON_DECODE);
      not_taken->set_message("cannot read it");
      return true;
    }
    if (breaks && script.forget_at_break) mark = 0;
    if (breaks && !script.apply_before_break) return false;
    mark = batch.sequence();
    applied[producer].push_back(batch.batch().rows());
    if (breaks) return false;
    if (script.mute) return true;
    answer->mutable_ack()->set_committed_sequence(mark);
    answer->mutable_ack()->set_credit_bytes(script.credit);
    if (batch.batch().rows() == 7) {  // seven is the number with a bad row in it
      v1::BatchOutcome* outcome = answer->mutable_ack()->add_outcomes();
      outcome->set_sequence(mark);
      outcome->set_applied_rows(4);
      outcome->set_late_rows(2);
      outcome->set_rejected_rows(1);
      outcome->add_row_errors()->set_row(3);
    }
    return true;
  }

  std::vector<uint64_t> Applied(const std::string& producer) {
    std::lock_guard lock(mutex_);
    return applied[producer];
  }

  std::mutex mutex_;
  Script script;
  std::atomic<bool> hang_up = false;
  std::map<std::string, uint64_t> marks;
  std::map<std::string, std::vector<uint64_t>> applied;  // rows of each batch, in order
  uint64_t received = 0;
  uint64_t streams = 0;
};

class ProducerTest : public ::testing::Test {
 protected:
  void Serve() {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&daemon_);
    server_ = builder.BuildAndStart();
    ASSERT_NE(port, 0);
    options_.address = "127.0.0.1:" + std::to_string(port);
    options_.id = "p";
    options_.connect_timeout = kLong;
  }
  ~ProducerTest() override {
    producer_.reset();
    if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now() + seconds(1));
  }
  void Connect() {
    Serve();
    auto connected = Producer::Connect(options_);
    ASSERT_TRUE(connected.ok()) << connected.status();
    producer_ = *std::move(connected);
  }
  static v1::InferenceBatch Batch(uint32_t rows) {
    v1::InferenceBatch batch;
    batch.set_model("m");
    batch.set_rows(rows);
    v1::Column* column = batch.add_columns();
    column->set_name("x");
    for (uint32_t i = 0; i < rows; ++i) column->mutable_doubles()->add_values(i);
    return batch;
  }
  void SendAll(const std::vector<uint32_t>& rows) {
    for (const uint32_t n : rows) ASSERT_TRUE(producer_->Send(Batch(n)).ok());
  }
  // sent = applied + late + rejected + duplicate + unreported + unacknowledged
  static void ExpectBalance(const ProducerTotals& totals) {
    EXPECT_EQ(totals.sent_rows, totals.applied_rows + totals.late_rows + totals.rejected_rows +
                                    totals.duplicate_rows + totals.unreported_rows +
                                    totals.unacknowledged_rows);
  }

  FakeDaemon daemon_;
  std::unique_ptr<grpc::Server> server_;
  ProducerOptions options_;
  std::unique_ptr<Producer> producer_;
};

TEST_F(ProducerTest, SendsAndCounts) {
  std::vector<uint64_t> order;
  std::vector<uint32_t> bad_rows;
  options_.on_committed = [&](uint64_t sequence, const v1::BatchOutcome& outcome) {
    order.push_back(sequence);
    for (const v1::RowError& error : outcome.row_errors()) bad_rows.push_back(error.row());
  };
  Connect();
  SendAll({5, 7, 9});
  ASSERT_TRUE(producer_->Flush(kLong).ok());
  const ProducerTotals totals = producer_->totals();
  EXPECT_EQ(totals.sent_rows, 21u);
  EXPECT_EQ(totals.applied_rows, 18u);
  EXPECT_EQ(totals.late_rows, 2u);
  EXPECT_EQ(totals.rejected_rows, 1u);
  EXPECT_EQ(totals.durability, v1::DURABILITY_PROCESS);
  ExpectBalance(totals);
  producer_.reset();  // ends the thread that calls back
  EXPECT_THAT(order, ElementsAre(1, 2, 3));
  EXPECT_THAT(bad_rows, ElementsAre(3));
}

TEST_F(ProducerTest, BrokenConnectionsLoseAndRepeatNothing) {
  daemon_.script.break_at = {2, 9, 10, 25};
  Connect();
  std::vector<uint32_t> rows;
  for (uint32_t i = 1; i <= 40; ++i) rows.push_back(10 + i);
  SendAll(rows);
  ASSERT_TRUE(producer_->Flush(kLong).ok());
  EXPECT_EQ(daemon_.Applied("p"), std::vector<uint64_t>(rows.begin(), rows.end()));
  const ProducerTotals totals = producer_->totals();
  EXPECT_EQ(totals.reconnects, 4u);
  EXPECT_GE(totals.resent_batches, 4u);
  ExpectBalance(totals);
  // Acknowledgements on their way when the stream broke may be lost.
  EXPECT_EQ(totals.applied_rows + totals.unreported_rows, totals.sent_rows);
}

TEST_F(ProducerTest, ADaemonUnderPressureIsTriedAgain) {
  daemon_.script.break_code = grpc::StatusCode::RESOURCE_EXHAUSTED;
  daemon_.script.break_at = {2, 9};
  Connect();
  SendAll({1, 2, 3, 4, 5, 6, 8, 9, 10, 11});
  ASSERT_TRUE(producer_->Flush(kLong).ok());
  EXPECT_THAT(daemon_.Applied("p"), ElementsAre(1, 2, 3, 4, 5, 6, 8, 9, 10, 11));
  EXPECT_EQ(producer_->totals().reconnects, 2u);
}

TEST_F(ProducerTest, AMessageThatEndsEveryStreamIsNotTriedForEver) {
  daemon_.script.break_code = grpc::StatusCode::RESOURCE_EXHAUSTED;
  for (uint64_t receipt = 2; receipt < 1'000; ++receipt) daemon_.script.break_at.insert(receipt);
  Connect();
  SendAll({1});
  ASSERT_TRUE(producer_->Flush(kLong).ok());
  ASSERT_TRUE(producer_->Send(Batch(2)).ok());
  const absl::Status flushed = producer_->Flush(kLong);
  EXPECT_EQ(flushed.code(), absl::StatusCode::kAborted) << flushed;
  EXPECT_THAT(std::string(flushed.message()), HasSubstr("pulled the plug"));
}

TEST_F(ProducerTest, CommittedButUnreportedRowsAreNotSentAgain) {
  daemon_.script.break_at = {3};
  daemon_.script.apply_before_break = true;
  Connect();
  SendAll({1, 2, 3, 4});
  ASSERT_TRUE(producer_->Flush(kLong).ok());
  EXPECT_THAT(daemon_.Applied("p"), ElementsAre(1, 2, 3, 4));
  EXPECT_GE(producer_->totals().unreported_rows, 3u);
  ExpectBalance(producer_->totals());
}

TEST_F(ProducerTest, LostBatchesAreSentAgainInOrder) {
  daemon_.script.skip = {2};
  Connect();
  SendAll({1, 2, 3, 4, 5});
  ASSERT_TRUE(producer_->Flush(kLong).ok());
  EXPECT_THAT(daemon_.Applied("p"), ElementsAre(1, 2, 3, 4, 5));
  ExpectBalance(producer_->totals());
}

TEST_F(ProducerTest, RefusedBatchCountsAndTheRestGoesOn) {
  daemon_.script.refuse_rows = {3};
  std::map<uint64_t, v1::BatchOutcome> outcomes;
  options_.on_committed = [&](uint64_t sequence, const v1::BatchOutcome& outcome) {
    outcomes[sequence] = outcome;
  };
  Connect();
  SendAll({1, 2, 3, 4, 3});
  ASSERT_TRUE(producer_->Flush(kLong).ok());
  EXPECT_THAT(daemon_.Applied("p"), ElementsAre(1, 2, 0, 4, 0));
  EXPECT_EQ(producer_->totals().rejected_rows, 6u);
  ExpectBalance(producer_->totals());
  producer_.reset();
  EXPECT_EQ(outcomes[3].batch_error(), "cannot read it");
  EXPECT_EQ(outcomes[3].rejected_rows(), 3u);
}

TEST_F(ProducerTest, StreamThatIsNeverTakenFails) {
  daemon_.script.refuse_rows = {3, 0};
  Connect();
  SendAll({3});
  const absl::Status flushed = producer_->Flush(kLong);
  EXPECT_EQ(flushed.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(flushed.message()), HasSubstr("cannot read it"));
}

TEST_F(ProducerTest, SecondRunDoesNoHarmAndGoesOn) {
  Connect();
  SendAll({1, 2, 3});
  ASSERT_TRUE(producer_->Flush(kLong).ok());
  producer_.reset();
  auto again = Producer::Connect(options_);
  ASSERT_TRUE(again.ok());
  producer_ = *std::move(again);
  EXPECT_EQ(producer_->earlier_batches(), 3u);
  SendAll({1, 2, 3, 4});
  ASSERT_TRUE(producer_->Flush(kLong).ok());
  EXPECT_THAT(daemon_.Applied("p"), ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(producer_->totals().duplicate_rows, 6u);
  EXPECT_EQ(producer_->totals().skipped_rows, 6u);
  EXPECT_EQ(producer_->totals().applied_rows, 4u);
}

TEST_F(ProducerTest, BoundsWhatIsUnacknowledged) {
  daemon_.script.mute = true;
  options_.unacknowledged_bytes_max = 10'000;
  Connect();
  const uint64_t bytes = Batch(100).ByteSizeLong();
  const uint64_t fit = 10'000 / bytes;
  std::atomic<uint64_t> sent = 0;
  std::thread sender([&] {
    for (uint64_t i = 0; i < fit + 1; ++i) {
      EXPECT_TRUE(producer_->Send(Batch(100)).ok());
      ++sent;
    }
  });
  while (sent < fit) std::this_thread::sleep_for(milliseconds(1));
  EXPECT_EQ(producer_->Flush(milliseconds(100)).code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(sent, fit);
  {
    std::lock_guard lock(daemon_.mutex_);
    daemon_.script.mute = false;
    daemon_.hang_up = true;
  }
  sender.join();
  EXPECT_TRUE(producer_->Flush(kLong).ok());
  ExpectBalance(producer_->totals());
}

TEST_F(ProducerTest, AnInterruptEndsEveryWait) {
  daemon_.script.mute = true;
  options_.unacknowledged_bytes_max = 10;
  std::atomic<bool> stop = false;
  std::atomic<int> told = 0;
  options_.interrupted = [&] { return stop.load(); };
  options_.on_trouble = [&](const std::string& what, int since) {
    EXPECT_THAT(what, HasSubstr("acknowledges nothing"));
    EXPECT_GE(since, 1);
    ++told;
    stop = true;
  };
  Connect();
  SendAll({100});
  EXPECT_EQ(producer_->Send(Batch(100)).status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(told, 1);
  EXPECT_EQ(producer_->Flush(std::chrono::hours(1)).code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(producer_->totals().unacknowledged_rows, 100u);
  ExpectBalance(producer_->totals());
}

TEST_F(ProducerTest, SendGivesUpWithoutAcknowledgements) {
  daemon_.script.mute = true;
  options_.unacknowledged_bytes_max = 10;
  options_.give_up_after = milliseconds(300);
  Connect();
  SendAll({100});
  EXPECT_EQ(producer_->Send(Batch(100)).status().code(), absl::StatusCode::kAborted);
}

TEST_F(ProducerTest, FencedProducerFails) {
  daemon_.script.greeting = {grpc::StatusCode::FAILED_PRECONDITION, "a larger epoch is here"};
  Serve();
  const auto connected = Producer::Connect(options_);
  EXPECT_EQ(connected.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(connected.status().message()), HasSubstr("larger epoch"));
}

TEST_F(ProducerTest, NobodyThere) {
  options_.address = "unix:/nowhere/faultline.sock";
  options_.id = "p";
  options_.connect_timeout = milliseconds(200);
  const auto connected = Producer::Connect(options_);
  EXPECT_EQ(connected.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(connected.status().message()), HasSubstr("/nowhere/faultline.sock"));
}

TEST_F(ProducerTest, DaemonThatForgotIsFound) {
  daemon_.script.break_at = {3};
  daemon_.script.forget_at_break = true;
  Connect();
  SendAll({1, 2});
  ASSERT_TRUE(producer_->Flush(kLong).ok());
  SendAll({3});
  const absl::Status flushed = producer_->Flush(kLong);
  EXPECT_EQ(flushed.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(flushed.message()), HasSubstr("forgotten batches 1 to 2"));
}

}  // namespace
}  // namespace faultline::cli
