#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <string>

#include "tests/support/daemon_calls.h"
#include "tests/support/daemon_child.h"

// Real streams with known answers, through the command line and the real daemon.

namespace faultline::testing {
namespace {

namespace fs = std::filesystem;

std::string DataFile(const std::string& name) {
  return std::string(FAULTLINE_SOURCE_DIR) + "/../shared/data/" + name;
}

#define SKIP_WITHOUT(file) \
  if (!fs::exists(file)) GTEST_SKIP() << "the real stream " << (file) << " is not here"

CommandOutcome Faultline(const DaemonChild& daemon, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), FAULTLINE_BINARY);
  return RunCommand(arguments, {"FAULTLINE_ADDRESS=" + daemon.socket_address()});
}

// A number in a flat JSON object that a command printed.
uint64_t Number(const std::string& json, const std::string& name) {
  const size_t at = json.find("\"" + name + "\"");
  if (at == std::string::npos) {
    ADD_FAILURE() << name << " is not in " << json;
    return 0;
  }
  const size_t digit = json.find_first_of("0123456789", at + name.size() + 2);
  return std::stoull(json.substr(digit));
}

// The signals that a detector raised, over all incidents.
std::set<std::string> Named(const DaemonChild& daemon, const std::string& detector,
                            const std::string& detail = "") {
  std::set<std::string> signals;
  for (const v1::Incident& incident : Incidents(daemon)) {
    for (const v1::Alert& alert : incident.alerts()) {
      if (alert.detector() == detector && alert.peak().detail().find(detail) != std::string::npos) {
        signals.insert(alert.signal());
      }
    }
  }
  return signals;
}

TEST(RealInput, Elec2NamesTheColumnsThatStoodStill) {
  const std::string file = DataFile("losing/elec2.csv.gz");
  SKIP_WITHOUT(file);
  DaemonChild daemon(FAULTLINE_BINARY, R"(
defaults:
  pane: {rows: 48}
  window_panes: 2
  alert: {fire_panes: 1}
  detectors:
    - out_of_range: {threshold: 0.02}
)");
  ASSERT_TRUE(daemon.Start()) << daemon.log();
  // Row 17424 (counted from 0) is the first at which vicprice, vicdemand and transfer move.
  const CommandOutcome before =
      Faultline(daemon, {"replay", file, "--model", "elec2", "--first-rows-as-reference", "17000",
                         "--rows", "17424", "--output", "json"});
  ASSERT_EQ(before.exit_code, 0) << before.output;
  EXPECT_TRUE(Named(daemon, "out_of_range", "constant reference").empty()) << before.output;
  const CommandOutcome after = Faultline(
      daemon, {"replay", file, "--model", "elec2", "--skip", "17424", "--output", "json"});
  ASSERT_EQ(after.exit_code, 0) << after.output;
  EXPECT_EQ(Named(daemon, "out_of_range", "constant reference"),
            (std::set<std::string>{"f5", "f6", "f7"}));
  EXPECT_EQ(Number(before.output, "applied_rows") + Number(after.output, "applied_rows"),
            45'312u - 17'000u);
}

TEST(RealInput, InsectsAlarmAfterTheChangeAndResolveAfterTheReturn) {
  const std::string file = DataFile("iks_streams/abrupt_insects.csv.gz");
  SKIP_WITHOUT(file);
  DaemonChild daemon(FAULTLINE_BINARY, R"(
defaults:
  pane: {rows: 50}
  window_panes: 4
  alert: {fire_panes: 2, resolve_panes: 2}
  detectors:
    - kolmogorov_smirnov: {threshold: 0.35}
)");
  ASSERT_TRUE(daemon.Start()) << daemon.log();
  const auto replay = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"replay", file, "--model", "insects", "--output", "json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const CommandOutcome outcome = Faultline(daemon, arguments);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  };
  // All 49 features are permuted from row 1775 to row 3550.
  replay({"--first-rows-as-reference", "1000", "--rows", "1775"});
  EXPECT_TRUE(Incidents(daemon).empty());
  replay({"--skip", "1775", "--rows", "1775"});
  std::vector<v1::Incident> incidents = Incidents(daemon);
  ASSERT_EQ(incidents.size(), 1u);
  EXPECT_EQ(incidents[0].state(), v1::INCIDENT_STATE_OPEN);
  EXPECT_EQ(incidents[0].failure_mode(), v1::FAILURE_MODE_INPUT_DRIFT);
  EXPECT_GE(incidents[0].alerts_total(), 1u);
  EXPECT_TRUE(incidents[0].unbudgeted());
  replay({"--skip", "3550"});
  incidents = Incidents(daemon);
  ASSERT_EQ(incidents.size(), 1u);
  EXPECT_EQ(incidents[0].state(), v1::INCIDENT_STATE_RESOLVED) << incidents[0].DebugString();
}

struct Table {
  const char* file;
  uint64_t rows;
};

class TextTables : public ::testing::TestWithParam<Table> {};

TEST_P(TextTables, EveryRowLandsOrIsRefusedWithAReason) {
  const std::string file = DataFile(GetParam().file);
  SKIP_WITHOUT(file);
  DaemonChild daemon(FAULTLINE_BINARY,
                     "defaults: {pane: {rows: 100}, reference: {learn_rows: 200}}");
  ASSERT_TRUE(daemon.Start()) << daemon.log();
  const CommandOutcome outcome =
      Faultline(daemon, {"replay", file, "--model", "table", "--output", "json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  const std::string& json = outcome.output;
  EXPECT_EQ(Number(json, "read_rows"), GetParam().rows);
  EXPECT_EQ(Number(json, "read_rows"), Number(json, "sent_rows") + Number(json, "refused_rows"));
  EXPECT_EQ(Number(json, "sent_rows"), Number(json, "applied_rows") + Number(json, "late_rows") +
                                           Number(json, "rejected_rows") +
                                           Number(json, "duplicate_rows"));
  EXPECT_EQ(GetModel(daemon, "table", "").applied_rows(), Number(json, "applied_rows"));
}

INSTANTIATE_TEST_SUITE_P(RealInput, TextTables,
                         ::testing::Values(Table{"dirty_tables/hospital_dirty.csv.gz", 1000},
                                           Table{"dirty_tables/hospital_clean.csv.gz", 1000},
                                           Table{"dirty_tables/beers_dirty.csv.gz", 2410},
                                           Table{"dirty_tables/beers_clean.csv.gz", 2410},
                                           Table{"fairness/compas_two_years.csv.gz", 7214},
                                           Table{"fairness/compas_discretized.csv.gz", 6172},
                                           Table{"fairness/german.csv", 1000}));

}  // namespace
}  // namespace faultline::testing
