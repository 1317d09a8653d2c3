#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <set>
#include <string>
#include <tuple>

#include "tests/support/daemon_calls.h"
#include "tests/support/daemon_child.h"
#include "tests/support/streams.h"

// `faultline backtest` beside the real daemon, on the same stream with the same configuration.

namespace faultline::testing {
namespace {

constexpr int64_t kStartS = 1'700'000'000;
constexpr int kReference = 1'000;
constexpr int kChange = 3'000;

// Detector, signal, event time of firing.
using Fired = std::set<std::tuple<std::string, std::string, int64_t>>;

std::string Stream() {
  Random random(11);
  std::string rows = "time,x,y,kind\n";
  for (int i = 0; i < 5'000; ++i) {
    const double x = random.Normal() + (i < kChange ? 0 : 1.5);
    rows += std::to_string(kStartS + i) + "," + std::to_string(x) + "," +
            std::to_string(random.Normal()) + "," + (random.Below(3) == 0 ? "a" : "b") + "\n";
  }
  return rows;
}

Fired OfDaemon(const DaemonChild& daemon) {
  Fired fired;
  for (const v1::Incident& incident : Incidents(daemon)) {
    for (const v1::Alert& alert : incident.alerts()) {
      fired.insert({alert.detector(), alert.signal(),
                    alert.fire_time().seconds() * 1'000'000'000 + alert.fire_time().nanos()});
    }
  }
  return fired;
}

Fired OfBacktest(const boost::json::object& report) {
  Fired fired;
  for (const boost::json::value& rule : report.at("rules").as_array()) {
    if (rule.at("run") == "classic" || rule.at("run") == "windows") continue;
    for (const boost::json::value& alarm : rule.at("alarms").as_array()) {
      fired.insert({std::string(rule.at("detector").as_string()),
                    std::string(alarm.at("signal").as_string()),
                    alarm.at("fire_unix_nano").as_int64()});
    }
  }
  return fired;
}

class BacktestTest : public ::testing::Test {
 protected:
  void SetUp() override { WriteFile(file_, Stream()); }
  CommandOutcome Backtest(const std::string& config, std::vector<std::string> more) {
    std::vector<std::string> arguments = {FAULTLINE_BINARY,
                                          "backtest",
                                          file_,
                                          "--config",
                                          config,
                                          "--time-column",
                                          "time",
                                          "--first-rows-as-reference",
                                          "1000"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunCommand(arguments);
  }

  TempFolder folder_;
  const std::string file_ = folder_.File("rows.csv");
};

TEST_F(BacktestTest, FiresWhatTheDaemonFires) {
  DaemonChild daemon(FAULTLINE_BINARY, R"(
defaults:
  pane: {length: 100s}
  window_panes: 5
  alarm_budget: {false_alarms: 1, per: 30d}
  detectors:
    - {mean_change: {}}
    - {distribution_change: {}}
    - {psi: {threshold: 0.25}}
    - {out_of_range: {threshold: 0.05}}
)");
  ASSERT_TRUE(daemon.Start()) << daemon.log();
  const CommandOutcome replayed =
      RunCommand({FAULTLINE_BINARY, "replay", file_, "--time-column", "time",
                  "--first-rows-as-reference", std::to_string(kReference)},
                 {"FAULTLINE_ADDRESS=" + daemon.socket_address()});
  ASSERT_EQ(replayed.exit_code, 0) << replayed.output;
  const Fired live = OfDaemon(daemon);
  EXPECT_GE(live.size(), 3u);

  WriteFile(folder_.File("changes"), "# of x\n" + std::to_string(kChange) + "\n");
  const CommandOutcome outcome =
      Backtest(daemon.config_path(),
               {"--budgets", "1", "--output", "json", "--change-points", folder_.File("changes")});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  const boost::json::object report = boost::json::parse(outcome.output).as_object();
  EXPECT_EQ(OfBacktest(report), live);
  for (const boost::json::value& rule : report.at("rules").as_array()) {
    if (rule.at("detector") != "mean_change") continue;
    EXPECT_EQ(rule.at("false_alarms"), 0);
    ASSERT_EQ(rule.at("delays").as_array().size(), 1u);
    EXPECT_LE(rule.at("delays").as_array()[0].to_number<int>(), 400)
        << "two panes, the one that is open until then, and a batch";
  }
}

TEST_F(BacktestTest, TwoConfigurationsStandSideBySideAndAreDrawn) {
  WriteFile(folder_.File("few.yaml"),
            "defaults: {pane: {rows: 100}, detectors: [{mean_change: {}}]}\n");
  WriteFile(folder_.File("more.yaml"),
            "defaults: {pane: {rows: 50}, detectors: [{mean_change: {}}, {psi: {}}]}\n");
  const std::string page = folder_.File("page.html");
  const CommandOutcome outcome =
      Backtest(folder_.File("few.yaml"),
               {"--config", folder_.File("more.yaml"), "--html", page, "--classic", "cusum"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  for (const char* text : {"few.yaml, budget x10", "more.yaml, budget x0.1", "cusum", "psi"}) {
    EXPECT_NE(outcome.output.find(text), std::string::npos) << text << "\n" << outcome.output;
    EXPECT_NE(ReadFile(page).find(text), std::string::npos) << text;
  }
}

TEST_F(BacktestTest, SaysWhatIsWrong) {
  WriteFile(folder_.File("bad.yaml"), "defaults: {pane: {rows: 1}}\n");
  WriteFile(folder_.File("good.yaml"), "defaults: {pane: {rows: 100}}\n");
  WriteFile(folder_.File("changes"), "12\nsoon\n");
  EXPECT_EQ(Backtest(folder_.File("bad.yaml"), {}).exit_code, 2);
  CommandOutcome outcome =
      Backtest(folder_.File("good.yaml"), {"--change-points", folder_.File("changes")});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_NE(outcome.output.find("changes:2: soon: expected a row number"), std::string::npos)
      << outcome.output;
  outcome = Backtest(folder_.File("good.yaml"), {"--classic", "ddm"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_NE(outcome.output.find("name their columns with --errors"), std::string::npos)
      << outcome.output;
  outcome = Backtest(folder_.File("good.yaml"), {"--classic", "crystal_ball"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_NE(outcome.output.find("unknown detector"), std::string::npos) << outcome.output;
}

}  // namespace
}  // namespace faultline::testing
