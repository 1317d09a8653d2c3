// Real streams with known answers, straight through the core.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/daemon/core/core_run.h"
#include "tests/support/csv.h"

namespace faultline::testing {
namespace {

// One row a minute.
int64_t TimeOf(uint32_t row) { return kStart + row * 60 * kSecond; }

BatchMaker Table(const NumberTable& table) {
  BatchMaker maker(static_cast<uint32_t>(table.rows()), TimeOf(0), 60 * kSecond);
  for (size_t i = 0; i < table.names.size(); ++i) maker.Number(table.names[i], table.columns[i]);
  return maker;
}

void Import(const BatchMaker& rows, uint32_t end, CoreRun* run) {
  InstallReference install{"credit", "1", {}};
  for (uint32_t row = 0; row < end; row += 1'000) {
    install.rows.push_back(rows.Rows(row, std::min(end, row + 1'000)));
  }
  const CommandResult result = run->Run(std::move(install), TimeOf(0));
  ASSERT_TRUE(result.status.ok()) << result.status;
  EXPECT_EQ(result.reference.rows(), end);
  EXPECT_TRUE(result.reference.imported());
}

// Sends rows in batches that fit neither panes nor anything else.
void Send(const BatchMaker& rows, uint32_t begin, uint32_t end, CoreRun* run) {
  for (uint32_t row = begin; row < end; row += 70) {
    EXPECT_EQ(run->Apply(rows.Rows(row, std::min(end, row + 70))).rejected_rows, 0u);
    run->TakeCheckpoint();
  }
}

struct Alarm {
  int64_t fire_ns;
  std::string detail;
};

// The first alarm of each signal, over all incidents.
std::map<std::string, Alarm> Alarms(const CoreRun& run) {
  std::map<std::string, Alarm> alarms;
  for (const auto& [id, incident] : run.incidents()) {
    for (const v1::Alert& alert : incident.alerts()) {
      const int64_t at = alert.fire_time().seconds() * kSecond + alert.fire_time().nanos();
      alarms.try_emplace(alert.signal(), Alarm{at, alert.peak().detail()});
    }
  }
  return alarms;
}

// Two-sample Kolmogorov-Smirnov statistic, by sorting.
double ExactDistance(std::vector<double> a, std::vector<double> b) {
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  double largest = 0;
  for (size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    const double at = std::min(a[i], b[j]);
    while (i < a.size() && a[i] <= at) ++i;
    while (j < b.size() && b[j] <= at) ++j;
    largest = std::max(largest, std::abs(static_cast<double>(i) / static_cast<double>(a.size()) -
                                         static_cast<double>(j) / static_cast<double>(b.size())));
  }
  return largest;
}

TEST(CoreStreamsTest, Elec2NamesTheColumnsThatLeaveTheirConstant) {
  const auto table = ReadNumberTable(SharedStream("losing/elec2.csv.gz"));
  if (!table.has_value()) GTEST_SKIP() << "no shared streams beside the source tree";
  ASSERT_EQ(table->rows(), 45'312u);
  CoreRun run(MakeSettings(R"(
    defaults {
      pane { rows: 50 } window_panes: 10 alert { fire_panes: 1 }
      detectors { out_of_range { threshold: 0.01 } }
    })"));
  const BatchMaker rows = Table(*table);
  constexpr uint32_t kReference = 17'000, kLeaves = 17'424;
  Import(rows, kReference, &run);
  Send(rows, kReference, 17'400, &run);
  const std::vector<std::string> constant = {"f5", "f6", "f7"};  // vicprice, vicdemand, transfer
  std::map<std::string, Alarm> alarms = Alarms(run);
  for (const std::string& column : constant) {
    EXPECT_FALSE(alarms.contains(column)) << column << " alarms while it stands still";
    EXPECT_EQ(run.Signal(column).state, VerdictState::kQuiet);
  }
  Send(rows, 17'400, 20'000, &run);
  alarms = Alarms(run);
  for (size_t i = 0; i < table->names.size(); ++i) {
    const std::string& name = table->names[i];
    const bool stands_still = std::find(constant.begin(), constant.end(), name) != constant.end();
    const bool says_so =
        alarms.contains(name) &&
        alarms.at(name).detail.find("left its constant reference") != std::string::npos;
    EXPECT_EQ(says_so, stands_still) << name;
    if (!stands_still) continue;
    ASSERT_TRUE(alarms.contains(name)) << name;
    EXPECT_GE(alarms.at(name).fire_ns, TimeOf(kLeaves)) << name;
    EXPECT_LE(alarms.at(name).fire_ns, TimeOf(kLeaves + 100)) << name;
  }
}

TEST(CoreStreamsTest, AbruptInsectsAlarmsAndResolves) {
  const auto table = ReadNumberTable(SharedStream("iks_streams/abrupt_insects.csv.gz"));
  if (!table.has_value()) GTEST_SKIP() << "no shared streams beside the source tree";
  ASSERT_EQ(table->rows(), 5'325u);
  CoreRun run(MakeSettings(R"(
    defaults {
      pane { rows: 50 } window_panes: 6 reference { learn_rows: 1000 }
      detectors { kolmogorov_smirnov { threshold: 0.4 rows_min: 200 } }
    })"));
  const BatchMaker rows = Table(*table);
  Send(rows, 0, 1'770, &run);
  EXPECT_TRUE(run.incidents().empty()) << "alarm before the first change at row 1775";
  Send(rows, 1'770, 3'550, &run);
  ASSERT_EQ(run.incidents().size(), 1u);
  EXPECT_EQ(run.incidents().begin()->second.state(), v1::INCIDENT_STATE_OPEN);
  const std::map<std::string, Alarm> alarms = Alarms(run);
  EXPECT_GE(alarms.size(), 5u);
  for (size_t i = 0; i < table->names.size(); ++i) {
    const std::vector<double>& column = table->columns[i];
    const double moved = ExactDistance({column.begin(), column.begin() + 1'000},
                                       {column.begin() + 1'775, column.begin() + 3'550});
    if (moved > 0.5) {
      EXPECT_TRUE(alarms.contains(table->names[i])) << table->names[i] << " " << moved;
    }
    if (moved < 0.25) {
      EXPECT_FALSE(alarms.contains(table->names[i])) << table->names[i] << " " << moved;
    }
  }
  for (const auto& [signal, alarm] : alarms) EXPECT_GE(alarm.fire_ns, TimeOf(1'775)) << signal;
  Send(rows, 3'550, 5'325, &run);
  ASSERT_EQ(run.incidents().size(), 1u);
  const v1::Incident& incident = run.incidents().begin()->second;
  EXPECT_EQ(incident.state(), v1::INCIDENT_STATE_RESOLVED);
  for (const v1::Alert& alert : incident.alerts()) {
    EXPECT_GE(alert.resolve_time().seconds() * kSecond, TimeOf(3'550)) << alert.signal();
  }
}

}  // namespace
}  // namespace faultline::testing
