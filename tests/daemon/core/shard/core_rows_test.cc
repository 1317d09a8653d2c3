#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/daemon/core/core_run.h"

namespace faultline::testing {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Panes of 50 rows, references from 100; PSI alarms above 0.5 at once.
constexpr const char* kByRows = R"(
  defaults {
    pane { rows: 50 } window_panes: 4 reference { learn_rows: 100 }
    alert { fire_panes: 1 resolve_panes: 1 }
    detectors { psi { threshold: 0.5 rows_min: 50 } }
    detectors { missing_rate { threshold: 0.3 rows_min: 50 } }
  })";

std::vector<double> Normals(Numbers* numbers, uint32_t rows, double shift = 0) {
  std::vector<double> values(rows);
  for (double& value : values) value = numbers->Normal() + shift;
  return values;
}

TEST(CoreRowsTest, OneColumnFromLearningToAlarmAndBack) {
  CoreRun run(MakeSettings(kByRows));
  Numbers numbers(1);
  int64_t at = kStart;
  const auto send = [&](uint32_t rows, double shift) {
    const BatchResult result =
        run.Apply(BatchMaker(rows, at).Number("age", Normals(&numbers, rows, shift)).Make());
    at += rows * kSecond;
    EXPECT_EQ(result.applied_rows, rows);
    run.TakeCheckpoint();
  };
  send(60, 0);
  EXPECT_EQ(run.Signal("age").missing, "learning its reference: 60 of 100 rows");
  EXPECT_EQ(run.Snapshot()->signals->learning_rows, 60u);
  send(60, 0);  // 40 complete the reference, 20 go into the first pane.
  EXPECT_EQ(run.Signal("age").missing, "no pane has closed yet");
  EXPECT_EQ(run.Signal("age").reference_rows, 100u);
  send(180, 0);
  EXPECT_EQ(run.Snapshot()->totals.panes_closed, 4u);
  EXPECT_EQ(run.Signal("age").window_rows, 200u);
  EXPECT_EQ(run.Signal("age").state, VerdictState::kQuiet);
  EXPECT_TRUE(run.incidents().empty());
  send(200, 5);
  EXPECT_EQ(run.Signal("age").state, VerdictState::kAlarm);
  ASSERT_EQ(run.incidents().size(), 1u);
  EXPECT_EQ(run.incidents().begin()->second.state(), v1::INCIDENT_STATE_OPEN);
  ASSERT_EQ(run.Snapshot()->alerts.size(), 1u);
  EXPECT_EQ(run.Snapshot()->alerts[0].signal, "age");
  send(250, 0);
  EXPECT_EQ(run.Signal("age").state, VerdictState::kQuiet);
  EXPECT_EQ(run.incidents().begin()->second.state(), v1::INCIDENT_STATE_RESOLVED);
  EXPECT_EQ(run.Snapshot()->totals.applied_rows, 750u);
}

TEST(CoreRowsTest, WindowCountsAreThoseOfItsRows) {
  CoreRun run(MakeSettings(kByRows));
  std::vector<double> reference(100), live(200);
  for (uint32_t i = 0; i < 100; ++i) reference[i] = i;
  for (uint32_t i = 0; i < 200; ++i)
    live[i] = i < 30 ? 1000 : i < 50 ? kNaN : i < 60 ? kInfinity : 5;
  run.Apply(BatchMaker(100).Number("age", reference).Make());
  std::vector<uint32_t> missing(40);
  for (uint32_t i = 0; i < 40; ++i) missing[i] = 160 + i;
  run.Apply(BatchMaker(200, kStart + 100 * kSecond).Number("age", live).Missing(missing).Make());
  run.TakeCheckpoint();
  const SignalReading age = run.Signal("age");
  EXPECT_EQ(age.window_rows, 200u);
  EXPECT_DOUBLE_EQ(age.missing_ratio, 40.0 / 200);
  EXPECT_DOUBLE_EQ(age.out_of_range_ratio, 30.0 / 130);  // 200 - 40 missing - 30 not finite
}

TEST(CoreRowsTest, HostileNumbersAreCountedAndNothingBreaks) {
  CoreRun run(MakeSettings(kByRows));
  const std::vector<double> hostile = {kNaN,    kInfinity, -kInfinity, 5e-324, -5e-324,
                                       1.7e308, -1.7e308,  0.0,        -0.0,   1};
  std::vector<double> values;
  for (uint32_t i = 0; i < 1000; ++i) values.push_back(hostile[i % hostile.size()]);
  EXPECT_EQ(run.Apply(BatchMaker(1000).Number("age", values).Make()).applied_rows, 1000u);
  run.Restart();
  run.TakeCheckpoint();
  EXPECT_EQ(run.Signal("age").window_rows, 200u);
}

TEST(CoreRowsTest, ReferenceWithoutAValueCannotTell) {
  CoreRun run(MakeSettings(kByRows));
  run.Apply(BatchMaker(400).Number("age", std::vector<double>(400, kNaN)).Make());
  run.Restart();
  run.TakeCheckpoint();
  EXPECT_EQ(run.Signal("age").state, VerdictState::kCannotTell);
  EXPECT_TRUE(run.incidents().empty());
}

TEST(CoreRowsTest, RowsOfTheWrongTimeAreRefusedOneByOne) {
  CoreRun run(MakeSettings(kByRows));
  const int64_t y2200 = 7'258'118'400LL * kSecond;
  const BatchResult result = run.Apply(
      BatchMaker(6)
          .Number("age", {1, 2, 3, 4, 5, 6})
          .Times({kStart, 0, kStart + 1, y2200, kStart + 11 * kSecond, kStart + 9 * kSecond})
          .ReceivedAt(kStart)
          .Make());
  EXPECT_EQ(result.applied_rows, 3u);
  EXPECT_EQ(result.rejected_rows, 3u);
  EXPECT_EQ(result.rejected_by_reason[v1::REJECT_REASON_TIME], 3u);
  ASSERT_EQ(result.row_errors.size(), 3u);
  EXPECT_EQ(result.row_errors[0].row(), 1u);
  EXPECT_EQ(result.row_errors[0].message(), "event time is before 2000");
  EXPECT_EQ(result.row_errors[1].message(), "event time is after 2100");
  EXPECT_EQ(result.row_errors[2].message(), "event time is too far ahead of the daemon's clock");
  run.TakeCheckpoint();
  EXPECT_EQ(run.Snapshot()->totals.rejected_rows, 3u);
  EXPECT_EQ(run.Snapshot()->totals.last_event_ns, kStart + 9 * kSecond);
}

TEST(CoreRowsTest, RowsRefusedAtDecodingAreSkipped) {
  CoreRun run(MakeSettings(kByRows));
  std::vector<double> values(200, 1);
  for (uint32_t i = 100; i < 150; ++i) values[i] = 2;
  std::vector<uint32_t> refused;
  for (uint32_t i = 100; i < 150; ++i) refused.push_back(i);
  const BatchResult result =
      run.Apply(BatchMaker(200).Number("age", values).Refused(refused).Make());
  EXPECT_EQ(result.applied_rows, 150u);
  EXPECT_EQ(result.rejected_by_reason[v1::REJECT_REASON_ID], 50u);
  run.TakeCheckpoint();
  EXPECT_EQ(run.Signal("age").window_rows, 50u);
  EXPECT_EQ(run.Signal("age").out_of_range_ratio, 0);  // Everything else is the constant 1.
}

TEST(CoreRowsTest, EmptyBatchChangesNothing) {
  CoreRun run(MakeSettings(kByRows));
  EXPECT_EQ(run.Apply(BatchMaker(0).Number("age", {}).Make()).applied_rows, 0u);
  run.TakeCheckpoint();
  EXPECT_EQ(run.Snapshot()->totals.applied_rows, 0u);
}

}  // namespace
}  // namespace faultline::testing
