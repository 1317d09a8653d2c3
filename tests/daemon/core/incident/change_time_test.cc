#include "daemon/core/incident/change_time.h"

#include <google/protobuf/util/time_util.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "daemon/core/reference/learning.h"
#include "tests/daemon/core/core_run.h"

// Intervals of the time of a change, held against changes whose time is known.

namespace faultline {
namespace {

using google::protobuf::util::TimeUtil;
using testing::BatchMaker;
using testing::CoreRun;
using testing::kSecond;
using testing::kStart;
using testing::MakeSettings;
using testing::Numbers;

constexpr uint32_t kStreams = 25;
// Streams from here on were not looked at while the estimate was made.
constexpr uint32_t kFirstSeed = 4'001;

// Of streams whose first alarm came after the change.
struct Coverage {
  uint32_t incidents = 0;
  uint32_t incidents_hold = 0;
  uint32_t alerts = 0;
  uint32_t alerts_hold = 0;
  double length_s = 0;
};

int64_t Ns(const google::protobuf::Timestamp& time) {
  return TimeUtil::TimestampToNanoseconds(time);
}

bool Holds(const v1::TimeEstimate& estimate, int64_t at_ns) {
  return Ns(estimate.earliest()) <= at_ns && at_ns <= Ns(estimate.latest());
}

void Count(const v1::Incident& incident, int64_t at_ns, Coverage* coverage) {
  for (const v1::Alert& alert : incident.alerts()) {
    if (Ns(alert.fire_time()) < at_ns) return;
  }
  ++coverage->incidents;
  coverage->incidents_hold += Holds(incident.change_time(), at_ns) ? 1 : 0;
  coverage->length_s += static_cast<double>(Ns(incident.change_time().latest()) -
                                            Ns(incident.change_time().earliest())) /
                        1e9;
  for (const v1::Alert& alert : incident.alerts()) {
    if (!alert.peak().has_change_time()) continue;
    ++coverage->alerts;
    coverage->alerts_hold += Holds(alert.peak().change_time(), at_ns) ? 1 : 0;
  }
}

// A value, given whether it comes after the change; NaN is missing. `state` is the stream's own.
using Value = std::function<double(Numbers* numbers, bool after, double* state)>;

// One row a second, in panes of 20 s and a window of ten minutes; the change is anywhere in a pane.
void PlayStream(uint32_t seed, uint32_t learn_rows, const Value& value, Coverage* coverage) {
  CoreRun run(MakeSettings(
      "defaults { pane { length: \"20s\" } window_panes: 30 reference { "
      "learn_rows: " +
      std::to_string(learn_rows) + " } alarm_budget { false_alarms: 1 per: \"30d\" } }"));
  Numbers numbers(seed);
  const uint32_t change = learn_rows + 700 + static_cast<uint32_t>(numbers.Next(400));
  const uint32_t rows = change + 1'500;
  std::vector<double> values(rows);
  std::vector<uint32_t> missing;
  double state = 0;
  for (uint32_t row = 0; row < rows; ++row) {
    values[row] = value(&numbers, row >= change, &state);
    if (std::isnan(values[row])) missing.push_back(row);
  }
  BatchMaker maker(rows);
  maker.Number("x", values).Missing(missing);
  for (uint32_t row = 0; row < rows; row += 20) {
    run.Apply(maker.Rows(row, std::min(row + 20, rows)));
  }
  run.TakeCheckpoint();
  if (run.incidents().empty()) return;
  Count(run.incidents().begin()->second, kStart + change * kSecond, coverage);
}

Coverage Measure(const std::string& name, uint32_t learn_rows, const Value& value) {
  Coverage coverage;
  for (uint32_t i = 0; i < kStreams; ++i) {
    PlayStream(kFirstSeed + i, learn_rows, value, &coverage);
  }
  std::printf(
      "%-12s reference %4u: %2u incidents, interval of %4.0f s holds in %2u; "
      "%3u alerts, holds in %3u\n",
      name.c_str(), learn_rows, coverage.incidents,
      coverage.length_s / std::max(1u, coverage.incidents), coverage.incidents_hold,
      coverage.alerts, coverage.alerts_hold);
  EXPECT_GE(10 * coverage.incidents_hold, 9 * coverage.incidents) << name << " " << learn_rows;
  return coverage;
}

class ChangeTimeCoverage : public ::testing::TestWithParam<uint32_t> {};

TEST_P(ChangeTimeCoverage, OfShifts) {
  for (const double shift : {0.3, 1.0, 3.0, 30.0}) {
    const Coverage coverage = Measure(
        "shift " + std::to_string(shift).substr(0, 4), GetParam(),
        [&](Numbers* numbers, bool after, double*) { return numbers->Normal() + after * shift; });
    EXPECT_GE(coverage.incidents, shift < 1 ? kStreams / 2 : kStreams);
    EXPECT_GE(10 * coverage.alerts_hold, 8.5 * coverage.alerts);
  }
}

TEST_P(ChangeTimeCoverage, OfMissingValues) {
  for (const double share : {0.05, 0.3, 1.0}) {
    const Coverage coverage =
        Measure("missing " + std::to_string(share).substr(0, 4), GetParam(),
                [&](Numbers* numbers, bool after, double*) {
                  const double value = numbers->Normal();
                  return after && numbers->Uniform() < share ? std::nan("") : value;
                });
    EXPECT_GE(coverage.incidents, kStreams - 2);
    EXPECT_GE(10 * coverage.alerts_hold, 8.5 * coverage.alerts);
    // Two panes and a little: the incident is seen again when more of them show it.
    if (share == 0.3) {
      EXPECT_LE(coverage.length_s, 52 * coverage.incidents);
    }
  }
}

// A reference of 500 such rows says little: many alarms of it come before the change.
TEST_P(ChangeTimeCoverage, OfRowsThatDependOnEachOther) {
  const Coverage coverage =
      Measure("AR(1) 0.9", GetParam(), [](Numbers* numbers, bool after, double* state) {
        *state = 0.9 * *state + 0.43 * numbers->Normal();
        return *state + after * 2;
      });
  EXPECT_GE(coverage.incidents, GetParam() < 1000 ? 1 : kStreams - 5);
}

INSTANTIATE_TEST_SUITE_P(ReferenceRows, ChangeTimeCoverage, ::testing::Values(500, 5000));

// Another signal changes when the window has all but left the change of the first: what is known of
// that is not given up.
TEST(ChangeTime, IsNotToldLessWellWhenTheWindowLeavesIt) {
  CoreRun run(MakeSettings(R"(defaults {
    pane { length: "20s" } window_panes: 30 reference { learn_rows: 1000 }
    alarm_budget { false_alarms: 1 per: "30d" } })"));
  constexpr uint32_t kChange = 1'999, kRows = 3'200;
  Numbers numbers(3);
  std::vector<double> x(kRows), y(kRows);
  for (uint32_t row = 0; row < kRows; ++row) {
    x[row] = numbers.Normal() + (row >= kChange ? 3 : 0);
    y[row] = numbers.Normal() + (row >= kChange + 560 ? 30 : 0);
  }
  BatchMaker maker(kRows);
  maker.Number("x", x).Number("y", y);
  std::set<std::string> told;
  for (uint32_t row = 0; row < kRows; row += 10) {
    run.Apply(maker.Rows(row, row + 10));
    run.TakeCheckpoint();
    if (run.incidents().empty()) continue;
    const v1::Incident& incident = run.incidents().begin()->second;
    if (incident.alerts_total() > 5) told.insert(incident.change_time().SerializeAsString());
    EXPECT_TRUE(Holds(incident.change_time(), kStart + kChange * kSecond));
    EXPECT_LE(Ns(incident.change_time().latest()) - Ns(incident.change_time().earliest()),
              60 * kSecond)
        << row;
  }
  EXPECT_EQ(told.size(), 1u);
}

class EstimateChangeTest : public ::testing::Test {
 protected:
  EstimateChangeTest() {
    std::vector<double> values;
    for (int i = 0; i < 1'000; ++i) values.push_back(numbers_.Normal());
    LearningRows learning(SignalType::kNumeric);
    learning.AddNumbers(values, nullptr, {0, 1'000});
    reference_ = learning.MakeReference(1, {});
  }

  // 20 panes of 50 rows, 100 ns each; from the pane `from` on values are shifted.
  std::vector<TimedPane> Panes(int from, double shift) {
    std::vector<TimedPane> panes;
    for (int k = 0; k < 20; ++k) {
      Summary summary(&reference_->summary().shape());
      std::vector<double> values;
      for (int i = 0; i < 50; ++i) values.push_back(numbers_.Normal() + (k >= from ? shift : 0));
      summary.CountNumbers(values, nullptr, {0, 50});
      panes.push_back({100 * k, 100 * k + 99, std::move(summary)});
    }
    return panes;
  }

  Numbers numbers_{7};
  std::shared_ptr<const SignalReference> reference_;
};

TEST_F(EstimateChangeTest, TellsWhereTheChangeIs) {
  const auto change = EstimateChange(reference_->summary(), Panes(12, 2), 1);
  ASSERT_TRUE(change.has_value());
  EXPECT_EQ(change->time_ns, 1'200);
  EXPECT_EQ(change->earliest_ns, 1'100) << "late in the pane before";
  EXPECT_EQ(change->latest_ns, 1'299);
  EXPECT_FALSE(change->may_be_older);
}

TEST_F(EstimateChangeTest, RowsThatSayLessMakeTheIntervalLonger) {
  const std::vector<TimedPane> panes = Panes(12, 0.7);
  const auto sharp = EstimateChange(reference_->summary(), panes, 1);
  const auto blunt = EstimateChange(reference_->summary(), panes, 10);
  ASSERT_TRUE(sharp.has_value() && blunt.has_value());
  EXPECT_EQ(blunt->time_ns, sharp->time_ns);
  EXPECT_GT(blunt->latest_ns - blunt->earliest_ns, sharp->latest_ns - sharp->earliest_ns);
}

TEST_F(EstimateChangeTest, AChangeBeforeThePanesMayBeOlder) {
  const auto change = EstimateChange(reference_->summary(), Panes(0, 2), 1);
  ASSERT_TRUE(change.has_value());
  EXPECT_EQ(change->time_ns, 0);
  EXPECT_TRUE(change->may_be_older);
}

TEST_F(EstimateChangeTest, WithoutAChangeItSaysNone) {
  EXPECT_FALSE(EstimateChange(reference_->summary(), Panes(20, 0), 1).has_value());
  EXPECT_FALSE(EstimateChange(reference_->summary(), {}, 1).has_value());
}

}  // namespace
}  // namespace faultline
