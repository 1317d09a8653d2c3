#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "faultline/v1/ingestion.grpc.pb.h"
#include "tests/support/daemon_calls.h"
#include "tests/support/daemon_child.h"
#include "tests/support/daemon_load.h"
#include "tests/support/raw_socket.h"
#include "tests/support/streams.h"

// What happens to the process of the real daemon: killed, stopped, told to end, stormed afterwards.

namespace faultline::testing {
namespace {

constexpr char kConfig[] = R"(
commit: {interval: 10ms}
defaults:
  pane: {rows: 500}
  window_panes: 3
  reference: {learn_rows: 1000}
)";

uint64_t AppliedRows(const DaemonChild& daemon, const std::string& model) {
  return GetModel(daemon, model, "1").applied_rows();
}

// Between the moment a round begins and the kill lies a random time: while it starts, while it
// reads the state, while producers come back, while it commits. Two producers keep what they were
// told is committed.
TEST(Faults, KilledAtRandomMomentsNothingAcknowledgedIsLost) {
  constexpr uint32_t kRows = 50;
  const int rounds = LongTests() ? 200 : 10;
  DaemonChild daemon(FAULTLINE_BINARY, kConfig);
  ASSERT_TRUE(daemon.Start()) << daemon.log();
  Sender first(daemon, "a", kRows, 4, std::chrono::microseconds(200));
  Sender second(daemon, "b", kRows, 1, std::chrono::microseconds(200));
  const std::vector<const Sender*> senders = {&first, &second};
  ASSERT_TRUE(
      WaitUntil([&] { return first.acknowledged_rows() > 0 && second.acknowledged_rows() > 0; }));
  Random random(20'261'126);
  int during_start = 0;
  for (int round = 0; round < rounds; ++round) {
    std::this_thread::sleep_for(std::chrono::microseconds(random.Below(250'000)));
    std::vector<uint64_t> acknowledged;
    for (const Sender* sender : senders) acknowledged.push_back(sender->acknowledged_rows());
    daemon.Kill();
    // Now and then again before it is up.
    while (random.Below(3) == 0) {
      daemon.Launch();
      std::this_thread::sleep_for(std::chrono::microseconds(random.Below(80'000)));
      daemon.Kill();
      ++during_start;
    }
    ASSERT_TRUE(daemon.Start()) << "round " << round << "\n" << daemon.log();
    for (size_t i = 0; i < senders.size(); ++i) {
      const uint64_t applied = AppliedRows(daemon, senders[i]->name());
      EXPECT_GE(applied, acknowledged[i]) << "round " << round << ": " << senders[i]->name();
      EXPECT_EQ(applied % kRows, 0u) << "whole batches";
    }
  }
  for (Sender* sender : {&first, &second}) {
    ASSERT_TRUE(sender->Finish()) << daemon.log();
    EXPECT_EQ(AppliedRows(daemon, sender->name()), sender->sent_rows());
  }
  const std::string page = Scrape(daemon);
  ExpectRowsAddUp(page);
  EXPECT_EQ(Rows(page, "applied"), static_cast<double>(first.sent_rows() + second.sent_rows()));
  RecordProperty("kills", rounds + during_start);
  RecordProperty("rows", static_cast<int>(first.sent_rows() + second.sent_rows()));
}

// A client that keeps no connection to others and no memory of what was answered.
class Forgetful {
 public:
  Forgetful(const DaemonChild& daemon, uint64_t number) : name_("p" + std::to_string(number)) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 500);
    stub_ = v1::IngestionService::NewStub(grpc::CreateCustomChannel(
        daemon.socket_address(), grpc::InsecureChannelCredentials(), arguments));
  }
  // Sends batch `sequence` and waits for the answer; false if there is none.
  bool Send(uint64_t sequence, uint32_t rows, std::chrono::seconds patience) {
    v1::LogInferencesRequest request;
    *request.mutable_batch() = NumbersBatch("storm", sequence, rows);
    request.mutable_producer()->set_id(name_);
    request.mutable_producer()->set_epoch(1);
    request.mutable_producer()->set_sequence(sequence);
    grpc::ClientContext context;
    context.set_wait_for_ready(patience.count() > 10);
    context.set_deadline(std::chrono::system_clock::now() + patience);
    v1::LogInferencesResponse response;
    const grpc::Status status = stub_->LogInferences(&context, request, &response);
    if (!status.ok()) error_ = status.error_message();
    return status.ok();
  }
  const std::string& error() const { return error_; }

 private:
  std::string name_;
  std::string error_;
  std::unique_ptr<v1::IngestionService::Stub> stub_;
};

TEST(Faults, AStormAfterARestartCountsEveryRowOnce) {
  constexpr uint64_t kProducers = 200;
  constexpr uint64_t kBatches = 20;
  constexpr uint32_t kRows = 20;
  DaemonChild daemon(FAULTLINE_BINARY, kConfig);
  ASSERT_TRUE(daemon.Start()) << daemon.log();
  std::vector<std::unique_ptr<Forgetful>> clients;
  for (uint64_t i = 0; i < kProducers; ++i) {
    clients.push_back(std::make_unique<Forgetful>(daemon, i));
  }
  std::atomic<uint64_t> answered = 0;
  std::vector<std::thread> threads;
  for (const auto& client : clients) {
    threads.emplace_back([&] {
      for (uint64_t sequence = 1; sequence <= kBatches; ++sequence) {
        if (!client->Send(sequence, kRows, std::chrono::seconds(10))) return;
        ++answered;
      }
    });
  }
  ASSERT_TRUE(WaitUntil([&] { return answered >= kProducers * kBatches / 2; }));
  daemon.Kill();
  for (std::thread& thread : threads) thread.join();
  threads.clear();
  ASSERT_TRUE(daemon.Start()) << daemon.log();
  const uint64_t committed = AppliedRows(daemon, "storm");
  EXPECT_GE(committed, answered * kRows);
  for (const auto& client : clients) {
    threads.emplace_back([&] {
      for (uint64_t sequence = 1; sequence <= kBatches; ++sequence) {
        EXPECT_TRUE(client->Send(sequence, kRows, std::chrono::seconds(120))) << client->error();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(AppliedRows(daemon, "storm"), kProducers * kBatches * kRows);
  const std::string page = Scrape(daemon);
  ExpectRowsAddUp(page);
  EXPECT_EQ(Rows(page, "applied"), kProducers * kBatches * kRows);
  EXPECT_EQ(Rows(page, "duplicate"), static_cast<double>(committed));
  EXPECT_EQ(Rows(page, "rejected") + Rows(page, "shed") + Rows(page, "late"), 0);
  EXPECT_EQ(Series(page, "faultline_producers"), kProducers);
}

// Panes by time, and every detector there is by default: what did not happen while the process
// stood still is no evidence, whether producers went on or not.
TEST(Faults, AStandstillOfPanesByTimeRaisesNothing) {
  DaemonChild daemon(FAULTLINE_BINARY, R"(
commit: {interval: 10ms}
defaults:
  pane: {length: 1s}
  window_panes: 3
  reference: {learn_rows: 400}
)");
  ASSERT_TRUE(daemon.Start()) << daemon.log();
  // About 150 rows a second.
  Sender sender(daemon, "m", 3, 2, std::chrono::milliseconds(20));
  ASSERT_TRUE(WaitUntil([&] { return sender.acknowledged_rows() > 900; }));
  kill(daemon.pid(), SIGSTOP);
  const uint64_t before = sender.sent_rows();
  std::this_thread::sleep_for(std::chrono::seconds(LongTests() ? 30 : 4));
  kill(daemon.pid(), SIGCONT);
  EXPECT_GT(sender.sent_rows(), before) << "the producer went on";
  const uint64_t after = sender.acknowledged_rows();
  ASSERT_TRUE(WaitUntil([&] { return sender.acknowledged_rows() > after + 900; }));
  ASSERT_TRUE(sender.Finish()) << daemon.log();
  const v1::Model model = GetModel(daemon, "m", "1");
  EXPECT_EQ(model.applied_rows() + model.late_rows(), sender.sent_rows());
  EXPECT_TRUE(Incidents(daemon).empty()) << Incidents(daemon)[0].ShortDebugString();
  ExpectRowsAddUp(Scrape(daemon));
}

TEST(Faults, StuckClientsDoNotHoldUpTheEnd) {
  DaemonChild daemon(FAULTLINE_BINARY, kConfig);
  ASSERT_TRUE(daemon.Start()) << daemon.log();
  Sender sender(daemon, "m", 50);
  std::vector<RawSocket> stuck;
  for (int i = 0; i < 20; ++i) {
    // Nothing at all, half a preface, half a request, a scrape whose answer is never read.
    stuck.emplace_back(daemon.grpc_address());
    stuck.emplace_back(daemon.grpc_address()).Send("PRI * HTTP/2.0\r\n");
    stuck.emplace_back(daemon.http_address()).Send("POST /v1/events HTTP/1.1\r\nContent-Le");
    stuck.emplace_back(daemon.http_address()).Send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  ASSERT_TRUE(WaitUntil([&] { return sender.acknowledged_rows() > 5'000; }));
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(daemon.Terminate(), 0) << daemon.log();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  EXPECT_LT(took.count(), 10) << daemon.log();
  RecordProperty("seconds_to_end", std::to_string(took.count()));
  const uint64_t acknowledged = sender.acknowledged_rows();
  ASSERT_TRUE(daemon.Start()) << daemon.log();
  EXPECT_GE(AppliedRows(daemon, "m"), acknowledged);
  ASSERT_TRUE(sender.Finish()) << daemon.log();
  EXPECT_EQ(AppliedRows(daemon, "m"), sender.sent_rows());
}

}  // namespace
}  // namespace faultline::testing
