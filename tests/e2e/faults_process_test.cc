#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include <atomic>
#include <filesystem>
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

// The process of the real daemon is killed, stopped, terminated, and stormed after a restart.

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

// The daemon is killed a random time after each round begins: while it starts, reads the state,
// commits, or while producers reconnect. Two producers remember what was acknowledged.
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
    daemon.Kill();
    std::vector<uint64_t> acknowledged;
    for (const Sender* sender : senders) acknowledged.push_back(sender->acknowledged_rows());
    // Sometimes again before it is ready.
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

// A client without shared connections and without memory of earlier answers.
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

// Rows for panes of one second: 20 rows for each of the past `seconds` at once, or current rows as
// they come.
class Minutes {
 public:
  explicit Minutes(const DaemonChild& daemon) : producer_(ConnectProducer(daemon, "p")) {}
  void SendPast(int seconds) {
    const uint64_t now = WallNowNs();
    for (int second = seconds; second > 0; --second) {
      SendRows(now - static_cast<uint64_t>(second) * 1'000'000'000);
    }
  }
  void SendFor(std::chrono::seconds span) {
    const auto end = std::chrono::steady_clock::now() + span;
    for (auto at = std::chrono::steady_clock::now(); at < end; at += std::chrono::seconds(1)) {
      SendRows(WallNowNs());
      std::this_thread::sleep_until(at + std::chrono::seconds(1));
    }
  }
  uint64_t sent_rows() const { return producer_->totals().sent_rows; }

 private:
  static uint64_t WallNowNs() {
    return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                     std::chrono::system_clock::now().time_since_epoch())
                                     .count());
  }
  void SendRows(uint64_t time_ns) {
    v1::InferenceBatch batch = NumbersBatch("m", time_ns, 20);
    for (int row = 0; row < 20; ++row) batch.add_event_times_unix_nano(time_ns);
    ASSERT_TRUE(producer_->Send(batch).ok());
    ASSERT_TRUE(producer_->Flush(std::chrono::minutes(2)).ok());
  }

  std::unique_ptr<cli::Producer> producer_;
};

// No rows arrived while the process was stopped and producers reconnected. That does not count as
// silence of the model; a later pause does.
TEST(Faults, AStandstillIsNoSilence) {
  DaemonChild daemon(FAULTLINE_BINARY, R"(
commit: {interval: 10ms}
defaults:
  pane: {length: 1s}
  idle_close: 1s
  reference: {learn_rows: 100}
  detectors:
    - row_rate_drop: {}
)");
  ASSERT_TRUE(daemon.Start()) << daemon.log();
  Minutes minutes(daemon);
  minutes.SendPast(60);
  minutes.SendFor(std::chrono::seconds(1));
  kill(daemon.pid(), SIGSTOP);
  std::this_thread::sleep_for(std::chrono::seconds(LongTests() ? 50 : 7));
  kill(daemon.pid(), SIGCONT);
  std::this_thread::sleep_for(std::chrono::milliseconds(1'500));
  minutes.SendFor(std::chrono::seconds(1));
  EXPECT_TRUE(Incidents(daemon).empty()) << Incidents(daemon)[0].ShortDebugString();
  const v1::Model model = GetModel(daemon, "m", "1");
  EXPECT_EQ(model.applied_rows() + model.late_rows(), minutes.sent_rows());
  ExpectRowsAddUp(Scrape(daemon));
  EXPECT_TRUE(WaitUntil([&] { return !Incidents(daemon).empty(); })) << "a real silence";
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

// One thread of a process, stopped while the others go on, as a deadlock would stop it.
class StoppedThread {
 public:
  StoppedThread(pid_t process, const std::string& name) {
    const std::string tasks = "/proc/" + std::to_string(process) + "/task";
    for (const auto& task : std::filesystem::directory_iterator(tasks)) {
      if (ReadFile(task.path() / "comm") != name + "\n") continue;
      thread_ = std::stoi(task.path().filename());
    }
    stopped_ = thread_ > 0 && ptrace(PTRACE_SEIZE, thread_, nullptr, nullptr) == 0 &&
               ptrace(PTRACE_INTERRUPT, thread_, nullptr, nullptr) == 0 &&
               waitpid(thread_, nullptr, __WALL) == thread_;
  }
  ~StoppedThread() { GoOn(); }
  StoppedThread(const StoppedThread&) = delete;
  StoppedThread& operator=(const StoppedThread&) = delete;

  bool found() const { return thread_ > 0; }
  bool stopped() const { return stopped_; }
  // Only after its process has ended.
  void Reap() { waitpid(thread_, nullptr, WNOHANG | __WALL); }
  void GoOn() {
    if (std::exchange(stopped_, false)) ptrace(PTRACE_DETACH, thread_, nullptr, nullptr);
  }

 private:
  pid_t thread_ = 0;
  bool stopped_ = false;
};

int Health(const DaemonChild& daemon, std::string* answer) {
  return HttpRequest(daemon.http_address(), "GET", "/-/healthy", "", answer);
}

TEST(Faults, AShardThatStandsStillIsSaidAndGoesOn) {
  DaemonChild daemon(FAULTLINE_BINARY, kConfig);
  ASSERT_TRUE(daemon.Start()) << daemon.log();
  Sender sender(daemon, "m", 50);
  ASSERT_TRUE(WaitUntil([&] { return sender.acknowledged_rows() > 1'000; }));
  std::string answer;
  EXPECT_EQ(Health(daemon, &answer), 200) << answer;
  StoppedThread shard(daemon.pid(), "shard 0");
  ASSERT_TRUE(shard.found());
  if (!shard.stopped()) GTEST_SKIP() << "ptrace is not allowed here: no thread can be stopped";
  EXPECT_TRUE(WaitUntil([&] { return Health(daemon, &answer) == 503; })) << daemon.log();
  EXPECT_NE(answer.find("shard 0 has work but makes no progress"), std::string::npos) << answer;
  if (LongTests()) {
    // Nothing helps it: the process ends, and nothing acknowledged is lost.
    ASSERT_TRUE(WaitUntil([&] {
      shard.Reap();
      return daemon.Ended().has_value();
    })) << daemon.log();
    EXPECT_NE(daemon.log().find("a shard with work makes progress"), std::string::npos)
        << daemon.log();
    const uint64_t acknowledged = sender.acknowledged_rows();
    ASSERT_TRUE(daemon.Start()) << daemon.log();
    EXPECT_GE(AppliedRows(daemon, "m"), acknowledged);
  } else {
    shard.GoOn();
    EXPECT_TRUE(WaitUntil([&] { return Health(daemon, &answer) == 200; })) << answer;
  }
  ASSERT_TRUE(sender.Finish()) << daemon.log();
  EXPECT_EQ(AppliedRows(daemon, "m"), sender.sent_rows());
}

}  // namespace
}  // namespace faultline::testing
