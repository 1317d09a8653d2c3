#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/daemon_calls.h"
#include "tests/support/daemon_child.h"
#include "tests/support/daemon_load.h"
#include "tests/support/raw_socket.h"

// Limits that the system sets for the daemon, and the daemon for its clients.

namespace faultline::testing {
namespace {

constexpr char kConfig[] = R"(
commit: {interval: 10ms}
defaults: {pane: {rows: 500}}
)";

rlimit Limit(pid_t pid, __rlimit_resource resource, rlim_t soft) {
  rlimit before{};
  EXPECT_EQ(prlimit(pid, resource, nullptr, &before), 0);
  const rlimit limited{soft, before.rlim_max};
  EXPECT_EQ(prlimit(pid, resource, &limited, nullptr), 0);
  return before;
}

TEST(Faults, RunningOutOfDescriptorsUnderLoadIsSurvived) {
  DaemonChild daemon(FAULTLINE_BINARY, kConfig);
  ASSERT_TRUE(daemon.Start()) << daemon.log();
  Sender sender(daemon, "m", 50, 4, std::chrono::microseconds(500));
  ASSERT_TRUE(WaitUntil([&] { return sender.acknowledged_rows() > 0; }));
  const rlimit before = Limit(daemon.pid(), RLIMIT_NOFILE, 128);
  std::vector<RawSocket> held;
  for (int i = 0; i < 400; ++i) {
    held.emplace_back(i % 2 == 0 ? daemon.grpc_address() : daemon.http_address());
  }
  for (int i = 0; i < 5; ++i) {
    const uint64_t acknowledged = sender.acknowledged_rows();
    EXPECT_TRUE(WaitUntil([&] { return sender.acknowledged_rows() > acknowledged; })) << i;
  }
  std::string page;
  ASSERT_TRUE(WaitUntil(
      [&] { return HttpRequest(daemon.http_address(), "GET", "/metrics", "", &page) == 200; }));
  EXPECT_GT(Series(page, "faultline_connections_refused_total{protocol=\"grpc\"}"), 50);
  EXPECT_GT(Series(page, "faultline_connections_refused_total{protocol=\"http\"}"), 50);
  EXPECT_EQ(Series(page, "process_max_fds"), 128);
  held.clear();
  EXPECT_EQ(prlimit(daemon.pid(), RLIMIT_NOFILE, &before, nullptr), 0);
  ASSERT_TRUE(sender.Finish()) << daemon.log();
  EXPECT_EQ(GetModel(daemon, "m", "1").applied_rows(), sender.sent_rows());
  ExpectRowsAddUp(Scrape(daemon));
}

// Running out of memory may end the process, but loses nothing acknowledged.
TEST(Faults, RunningOutOfMemoryUnderLoadLosesNothingAcknowledged) {
  DaemonChild daemon(FAULTLINE_BINARY, kConfig);
  ASSERT_TRUE(daemon.Start()) << daemon.log();
  Sender sender(daemon, "m", 500, 50);
  int ends = 0;
  for (int round = 0; round < (LongTests() ? 20 : 2); ++round) {
    const uint64_t before = sender.acknowledged_rows();
    ASSERT_TRUE(WaitUntil([&] { return sender.acknowledged_rows() > before; })) << daemon.log();
    Limit(daemon.pid(), RLIMIT_AS, 1 << 20);  // nothing more
    std::this_thread::sleep_for(std::chrono::seconds(1));
    if (daemon.Ended().has_value()) ++ends;
    const uint64_t acknowledged = sender.acknowledged_rows();
    daemon.Kill();
    ASSERT_TRUE(daemon.Start()) << daemon.log();
    EXPECT_GE(GetModel(daemon, "m", "1").applied_rows(), acknowledged);
  }
  ASSERT_TRUE(sender.Finish()) << daemon.log();
  EXPECT_EQ(GetModel(daemon, "m", "1").applied_rows(), sender.sent_rows());
  RecordProperty("ends", ends);
}

TEST(Faults, TooLittleToStartWithIsSaid) {
  for (const std::string limit : {"--as=100000000", "--nofile=20"}) {
    TempFolder folder;
    const CommandOutcome outcome =
        RunCommand({"prlimit", limit, FAULTLINE_BINARY, "serve", "--data-folder",
                    folder.File("state"), "--grpc", "off", "--http", "127.0.0.1:0"});
    EXPECT_EQ(outcome.exit_code, 1) << limit;
    EXPECT_NE(outcome.output.find("raise ulimit"), std::string::npos) << outcome.output;
  }
}

// Many distinct names of models, signals and categories: memory after the second half equals that
// after the first.
class Explosion {
 public:
  explicit Explosion(const DaemonChild& daemon)
      : daemon_(daemon), producer_(ConnectProducer(daemon, "p")) {}

  // Rows whose names run from `begin` to `end`.
  void Send(uint64_t begin, uint64_t end) {
    ASSERT_NE(producer_, nullptr);
    for (uint64_t name = begin; name < end; ++name) {
      ASSERT_TRUE(producer_->Send(NumbersBatch("m" + std::to_string(name), 0, 1)).ok());
      if (name % 100 == 0) SendColumns(name);
      if (name % 1'000 == 0) SendCategories(name);
    }
    ASSERT_TRUE(producer_->Flush(std::chrono::minutes(5)).ok()) << daemon_.log();
  }

 private:
  void SendColumns(uint64_t first) {
    v1::InferenceBatch batch = NumbersBatch("wide", 0, 1);
    for (uint64_t i = 0; i < 100; ++i) {
      v1::Column* column = batch.add_columns();
      column->set_name("signal " + std::to_string(first + i));
      column->mutable_doubles()->add_values(1);
    }
    ASSERT_TRUE(producer_->Send(batch).ok());
  }
  void SendCategories(uint64_t first) {
    v1::InferenceBatch batch = NumbersBatch("many", 0, 1'000);
    v1::Column* kind = batch.add_columns();
    kind->set_name("kind");
    for (uint32_t i = 0; i < 1'000; ++i) {
      kind->mutable_strings()->add_dictionary("category " + std::to_string(first + i));
      kind->mutable_strings()->add_codes(i);
    }
    ASSERT_TRUE(producer_->Send(batch).ok());
  }

  const DaemonChild& daemon_;
  std::unique_ptr<cli::Producer> producer_;
};

TEST(Faults, AnExplosionOfNamesLeavesMemoryFlat) {
  DaemonChild daemon(FAULTLINE_BINARY, R"(
commit: {interval: 10ms}
limits: {models: 100, signals_per_model: 200, signals: 1000}
defaults: {pane: {rows: 100}, reference: {learn_rows: 500}}
)");
  ASSERT_TRUE(daemon.Start()) << daemon.log();
  constexpr uint64_t kNames = 100'000;
  Explosion explosion(daemon);
  ASSERT_NO_FATAL_FAILURE(explosion.Send(0, kNames / 2));
  const uint64_t half = daemon.ResidentBytes();
  ASSERT_NO_FATAL_FAILURE(explosion.Send(kNames / 2, kNames));
  const uint64_t whole = daemon.ResidentBytes();
  RecordProperty("half_mb", static_cast<int>(half >> 20));
  RecordProperty("whole_mb", static_cast<int>(whole >> 20));
  EXPECT_LT(whole, half + (32 << 20));
  const std::string page = Scrape(daemon);
  ExpectRowsAddUp(page);
  EXPECT_LT(page.size(), 4u << 20);
  EXPECT_LE(Series(page, "faultline_models"), 100);
  EXPECT_LE(GetModel(daemon, "wide", "1").signals_size(), 200);
  EXPECT_EQ(Rows(page, "received"), kNames + kNames / 100 + kNames);
  EXPECT_GE(Series(page, "faultline_ingest_rejected_total{reason=\"limit\"}"), kNames - 100);
  EXPECT_EQ(GetModel(daemon, "many", "1").applied_rows(), kNames);
}

}  // namespace
}  // namespace faultline::testing
