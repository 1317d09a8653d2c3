#include <gtest/gtest.h>
#include <signal.h>

#include <regex>
#include <string>
#include <thread>

#include "base/clock.h"
#include "tests/support/daemon_calls.h"
#include "tests/support/daemon_child.h"
#include "tests/support/daemon_load.h"
#include "tests/support/streams.h"

// The real daemon, used correctly and incorrectly.

namespace faultline::testing {
namespace {

constexpr char kConfig[] = R"(
commit: {interval: 10ms}
defaults:
  pane: {rows: 100}
  window_panes: 3
  reference: {learn_rows: 500}
  detectors:
    - psi: {threshold: 0.5}
    - missing_rate: {threshold: 0.3}
)";

v1::InferenceBatch MakeBatch(uint64_t index, double shift = 0) {
  Random random(index);
  v1::InferenceBatch batch;
  batch.set_model("m");
  batch.set_version("1");
  batch.set_rows(100);
  v1::Column* x = batch.add_columns();
  x->set_name("x");
  for (int row = 0; row < 100; ++row) x->mutable_doubles()->add_values(random.Normal() + shift);
  return batch;
}

TEST(Daemon, EveryScrapeAddsUpUnderLoad) {
  DaemonChild daemon(FAULTLINE_BINARY, kConfig);
  ASSERT_TRUE(daemon.Start()) << daemon.log();
  const auto producer = ConnectProducer(daemon, "p");
  ASSERT_NE(producer, nullptr);
  std::thread sender([&] {
    for (uint64_t index = 0; index < 2'000; ++index) {
      EXPECT_TRUE(producer->Send(MakeBatch(index)).ok());
    }
  });
  double scraped_in_between = 0;
  std::string page;
  do {
    page = Scrape(daemon);
    ExpectRowsAddUp(page);
    const double applied = Rows(page, "applied");
    if (applied > 0 && applied < 200'000) ++scraped_in_between;
  } while (Rows(page, "received") < 200'000);
  sender.join();
  ASSERT_TRUE(producer->Flush(std::chrono::minutes(2)).ok());
  page = Scrape(daemon);
  ExpectRowsAddUp(page);
  EXPECT_EQ(Rows(page, "applied"), 200'000);
  EXPECT_GT(scraped_in_between, 0);
}

TEST(Daemon, TheMetricsPageIsCleanForPromtool) {
  DaemonChild daemon(FAULTLINE_BINARY, kConfig);
  ASSERT_TRUE(daemon.Start()) << daemon.log();
  if (RunCommand({"promtool", "--version"}).exit_code != 0) GTEST_SKIP() << "no promtool here";
  const auto producer = ConnectProducer(daemon, "p");
  for (uint64_t index = 0; index < 40; ++index) {
    ASSERT_TRUE(producer->Send(MakeBatch(index, index > 20 ? 5 : 0)).ok());
  }
  ASSERT_TRUE(producer->Flush(std::chrono::minutes(2)).ok());
  const std::string page = Scrape(daemon);
  EXPECT_NE(page.find("faultline_alert_active{"), std::string::npos) << page;
  const CommandOutcome outcome = RunCommand({"promtool", "check", "metrics"}, {}, page);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_EQ(outcome.output, "");
}

TEST(Daemon, TakesEventsFromCurl) {
  DaemonChild daemon(FAULTLINE_BINARY, kConfig);
  ASSERT_TRUE(daemon.Start()) << daemon.log();
  std::string answer;
  EXPECT_EQ(HttpRequest(daemon.http_address(), "POST", "/v1/events",
                        "{\"model\":\"m\",\"features\":{\"x\":1.5,\"kind\":\"a\"}}\n"
                        "this is no JSON\n"
                        "{\"model\":\"m\",\"features\":{\"x\":2.5,\"kind\":null}}\n",
                        &answer),
            200);
  EXPECT_NE(answer.find("\"accepted\":2"), std::string::npos) << answer;
  EXPECT_NE(answer.find("\"line\":2"), std::string::npos) << answer;
  EXPECT_EQ(GetModel(daemon, "m", "").applied_rows(), 2u);
  EXPECT_EQ(GetModel(daemon, "m", "").signals_size(), 2);
  ExpectRowsAddUp(Scrape(daemon));
}

TEST(Daemon, StopsGracefullyAndGoesOn) {
  DaemonChild daemon(FAULTLINE_BINARY, kConfig);
  ASSERT_TRUE(daemon.Start()) << daemon.log();
  auto producer = ConnectProducer(daemon, "p");
  for (uint64_t index = 0; index < 30; ++index) {
    ASSERT_TRUE(producer->Send(MakeBatch(index)).ok());
  }
  ASSERT_TRUE(producer->Flush(std::chrono::minutes(2)).ok());
  EXPECT_EQ(daemon.Terminate(), 0) << daemon.log();
  ASSERT_TRUE(daemon.Start()) << daemon.log();
  EXPECT_EQ(GetModel(daemon, "m", "1").applied_rows(), 3'000u);
  ASSERT_TRUE(producer->Send(MakeBatch(30)).ok());
  ASSERT_TRUE(producer->Flush(std::chrono::minutes(2)).ok()) << "the producer goes on by itself";
  EXPECT_EQ(GetModel(daemon, "m", "1").applied_rows(), 3'100u);
}

TEST(Daemon, IncidentsSurviveKill) {
  DaemonChild daemon(FAULTLINE_BINARY, kConfig);
  ASSERT_TRUE(daemon.Start()) << daemon.log();
  const auto producer = ConnectProducer(daemon, "p");
  for (uint64_t index = 0; index < 30; ++index) {
    ASSERT_TRUE(producer->Send(MakeBatch(index, index >= 20 ? 5 : 0)).ok());
  }
  ASSERT_TRUE(producer->Flush(std::chrono::minutes(2)).ok());
  const std::vector<v1::Incident> before = Incidents(daemon);
  ASSERT_EQ(before.size(), 1u);
  EXPECT_EQ(before[0].state(), v1::INCIDENT_STATE_OPEN);
  daemon.Kill();
  ASSERT_TRUE(daemon.Start()) << daemon.log();
  const std::vector<v1::Incident> after = Incidents(daemon);
  ASSERT_EQ(after.size(), 1u);
  EXPECT_EQ(after[0].SerializeAsString(), before[0].SerializeAsString());
  EXPECT_EQ(Series(Scrape(daemon), "faultline_incidents_open{model=\"m\",version=\"1\"}"), 1);
}

TEST(Daemon, ReloadsOnHangupAndKeepsTheOldConfigurationIfTheNewOneIsWrong) {
  constexpr const char* kReadAt = "faultline_config_last_reload_success_timestamp_seconds";
  DaemonChild daemon(FAULTLINE_BINARY, kConfig);
  const double before = static_cast<double>(WallNowNs()) * 1e-9;
  ASSERT_TRUE(daemon.Start()) << daemon.log();
  const double started = Series(Scrape(daemon), kReadAt);
  EXPECT_GE(started, before) << "the start reads it, too";
  EXPECT_LE(started, static_cast<double>(WallNowNs()) * 1e-9);
  daemon.Reconfigure("defaults: {windw_panes: 3}");
  kill(daemon.pid(), SIGHUP);
  ASSERT_TRUE(WaitUntil([&] { return daemon.log().find("windw_panes") != std::string::npos; }));
  EXPECT_EQ(Series(Scrape(daemon), "faultline_config_last_reload_successful"), 0);
  EXPECT_EQ(Series(Scrape(daemon), kReadAt), started) << "the old one is in use";
  std::string answer;
  EXPECT_EQ(HttpRequest(daemon.http_address(), "POST", "/-/reload", "", &answer), 400);
  EXPECT_NE(answer.find("config.yaml:1:"), std::string::npos) << answer;
  daemon.Reconfigure(kConfig);
  EXPECT_EQ(HttpRequest(daemon.http_address(), "POST", "/-/reload", "", &answer), 200) << answer;
  EXPECT_EQ(Series(Scrape(daemon), "faultline_config_last_reload_successful"), 1);
  EXPECT_GT(Series(Scrape(daemon), kReadAt), started);
}

TEST(Misuse, AConfigurationWithATypoIsRefusedWithFileAndLine) {
  DaemonChild daemon(FAULTLINE_BINARY, "defaults:\n  pane: {length: 10 parsecs}\n  widnow: 3\n");
  const CommandOutcome outcome = daemon.StartAndFail();
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_NE(outcome.output.find("config.yaml:3:"), std::string::npos) << outcome.output;
  EXPECT_NE(outcome.output.find("widnow"), std::string::npos) << outcome.output;
  const CommandOutcome check =
      RunCommand({FAULTLINE_BINARY, "config", "check", daemon.config_path()});
  EXPECT_EQ(check.exit_code, 1);
  EXPECT_NE(check.output.find("config.yaml:3:"), std::string::npos) << check.output;
}

TEST(Misuse, ADataFolderHasOneOwner) {
  DaemonChild daemon(FAULTLINE_BINARY, kConfig);
  ASSERT_TRUE(daemon.Start()) << daemon.log();
  const CommandOutcome second =
      RunCommand({FAULTLINE_BINARY, "serve", "--data-folder", daemon.data_folder(), "--grpc", "off",
                  "--socket", "off", "--http", "127.0.0.1:0"});
  EXPECT_EQ(second.exit_code, 1);
  EXPECT_NE(second.output.find(daemon.data_folder()), std::string::npos) << second.output;
  EXPECT_EQ(GetStatus(daemon).ready(), true) << "the owner is not disturbed";
}

TEST(Misuse, APortInUseIsSaid) {
  DaemonChild daemon(FAULTLINE_BINARY, kConfig);
  ASSERT_TRUE(daemon.Start()) << daemon.log();
  for (const char* option : {"--grpc", "--http"}) {
    TempFolder folder;
    const bool grpc = std::string(option) == "--grpc";
    const std::string taken = grpc ? daemon.grpc_address() : daemon.http_address();
    const CommandOutcome outcome =
        RunCommand({FAULTLINE_BINARY, "serve", "--data-folder", folder.File("state"),
                    grpc ? "--http" : "--grpc", "127.0.0.1:0", option, taken});
    EXPECT_EQ(outcome.exit_code, 1);
    EXPECT_NE(outcome.output.find(taken.substr(taken.rfind(':') + 1)), std::string::npos)
        << outcome.output;
    EXPECT_TRUE(std::regex_search(outcome.output, std::regex("in use|listens there already")))
        << outcome.output;
  }
}

TEST(Misuse, ListeningToTheWorldNeedsTheSentence) {
  TempFolder folder;
  const CommandOutcome outcome = RunCommand(
      {FAULTLINE_BINARY, "serve", "--data-folder", folder.File("state"), "--grpc", "0.0.0.0:0"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_NE(outcome.output.find("insecure_listen"), std::string::npos) << outcome.output;
}

TEST(Misuse, AFolderThatCannotBeIsSaid) {
  const CommandOutcome outcome = RunCommand(
      {FAULTLINE_BINARY, "serve", "--data-folder", "/proc/faultline", "--http", "127.0.0.1:0"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_NE(outcome.output.find("/proc/faultline"), std::string::npos) << outcome.output;
}

TEST(Faults, AStandstillRaisesNothing) {
  DaemonChild daemon(FAULTLINE_BINARY, kConfig);
  ASSERT_TRUE(daemon.Start()) << daemon.log();
  const auto producer = ConnectProducer(daemon, "p");
  for (uint64_t index = 0; index < 30; ++index) {
    ASSERT_TRUE(producer->Send(MakeBatch(index)).ok());
  }
  ASSERT_TRUE(producer->Flush(std::chrono::minutes(2)).ok());
  kill(daemon.pid(), SIGSTOP);
  std::this_thread::sleep_for(std::chrono::seconds(2));
  kill(daemon.pid(), SIGCONT);
  ASSERT_TRUE(producer->Send(MakeBatch(30)).ok());
  ASSERT_TRUE(producer->Flush(std::chrono::minutes(2)).ok());
  EXPECT_TRUE(Incidents(daemon).empty());
}

}  // namespace
}  // namespace faultline::testing
