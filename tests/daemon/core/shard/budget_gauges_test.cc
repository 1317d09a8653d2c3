// The alarm budget as the core keeps it: the increments and the figures that it shows.
#include <gtest/gtest.h>

#include <cmath>

#include "daemon/core/alert/alert_book.h"
#include "tests/daemon/core/core_run.h"

namespace faultline::testing {
namespace {

std::string Config(const std::string& budget) {
  return "defaults { pane { rows: 50 } window_panes: 5 reference { learn_rows: 500 }" + budget + R"(
    detectors { mean_change {} }
    detectors { missing_change {} weight: 3 }
    detectors { psi {} } })";
}

// `panes` panes of normal values that are moved by `shift`.
std::unique_ptr<EventBatch> Panes(uint32_t panes, double shift, uint64_t seed,
                                  const std::string& model = "credit") {
  Numbers numbers(seed);
  std::vector<double> age(panes * 50);
  for (double& value : age) value = numbers.Normal() + shift;
  return BatchMaker(panes * 50, kStart + static_cast<int64_t>(seed) * 10'000 * kSecond)
      .Model(model)
      .Number("age", age)
      .Make();
}

TEST(BudgetGaugesTest, IncrementsOverTheThresholdAndAlarms) {
  CoreRun run(MakeSettings(Config("alarm_budget { false_alarms: 2 per: '100000 rows' }")));
  run.Apply(Panes(10, 0, 1));
  run.TakeCheckpoint();
  EXPECT_EQ(run.Snapshot()->totals.mean_false_alarms_max, 0) << "nothing is judged while it learns";
  run.Apply(Panes(20, 0, 2));
  run.Restart();
  run.TakeCheckpoint();
  EXPECT_EQ(run.Snapshot()->budget_threshold, 50'000);
  EXPECT_NEAR(run.Snapshot()->totals.mean_false_alarms_max, 1'000 / 50'000.0, 1e-12);
  EXPECT_EQ(run.Snapshot()->totals.budget_alarms, 0u);
  run.Apply(Panes(5, 3, 3));
  run.TakeCheckpoint();
  EXPECT_NEAR(run.Snapshot()->totals.mean_false_alarms_max, 1'250 / 50'000.0, 1e-12);
  EXPECT_EQ(run.Snapshot()->totals.budget_alarms, 1u);
  run.Restart();
  run.TakeCheckpoint();
  EXPECT_EQ(run.Snapshot()->totals.budget_alarms, 1u) << "an alarm that stands is one alarm";
}

// Increments count against the threshold that was in force.
TEST(BudgetGaugesTest, AnotherBudgetLeavesEarlierIncrements) {
  CoreRun run(MakeSettings(Config("alarm_budget { per: '10000 rows' }")));
  run.Apply(Panes(30, 0, 1));
  run.Restart(MakeSettings(Config("alarm_budget { per: '1000000 rows' }")));
  run.Apply(Panes(20, 0, 2));
  run.TakeCheckpoint();
  EXPECT_NEAR(run.Snapshot()->totals.mean_false_alarms_max, 1'000 / 1e4 + 1'000 / 1e6, 1e-12);
  run.Restart(MakeSettings(Config("alarm_budget { false_alarms: 0 }")));
  run.Apply(Panes(20, 0, 3));
  run.TakeCheckpoint();
  EXPECT_NEAR(run.Snapshot()->totals.mean_false_alarms_max, 1'000 / 1e4 + 1'000 / 1e6, 1e-12);
  EXPECT_TRUE(std::isnan(run.Snapshot()->budget_threshold));
}

TEST(BudgetGaugesTest, VerdictsAndAlertsNameTheirShare) {
  CoreRun run(MakeSettings(Config("alarm_budget { per: '100000 rows' }")));
  run.Apply(Panes(30, 0, 1));
  run.TakeCheckpoint();
  const auto readings = run.Signal("age").readings;
  ASSERT_EQ(readings.size(), 3u);
  EXPECT_DOUBLE_EQ(readings[0].verdict.budget_share, 0.25);
  EXPECT_DOUBLE_EQ(readings[1].verdict.budget_share, 0.75);
  EXPECT_TRUE(std::isnan(readings[2].verdict.budget_share)) << "psi is not on the budget";
  EXPECT_LT(EvidenceRatio(readings[0].verdict), 1);
  EXPECT_GT(EvidenceRatio(readings[0].verdict), 0);
  run.Apply(Panes(5, 3, 2));
  run.Restart();
  ASSERT_EQ(run.incidents().size(), 1u);
  const v1::Alert& alert = run.incidents().begin()->second.alerts(0);
  EXPECT_DOUBLE_EQ(alert.peak().budget_share(), 0.25);
  EXPECT_GE(alert.peak().evidence_ratio(), 1);
  EXPECT_TRUE(std::isfinite(alert.peak().evidence_ratio()));
}

// Score and threshold are log10(1 + mass / increment).
TEST(BudgetGaugesTest, EvidenceRatioIsMassOverThreshold) {
  Verdict verdict;
  EXPECT_TRUE(std::isnan(EvidenceRatio(verdict)));
  verdict.budget_share = 0.5;
  const double increment = 5, threshold = 1e5;
  verdict.threshold = std::log10(1 + threshold / increment);
  for (const double mass : {0.0, 1.0, 5.0, 5e4, 1e5, 7e9}) {
    verdict.score = std::log10(1 + mass / increment);
    EXPECT_NEAR(EvidenceRatio(verdict), mass / threshold, 1e-12 * (1 + mass)) << mass;
  }
  verdict.score = 5'000;
  EXPECT_TRUE(std::isfinite(EvidenceRatio(verdict)));
}

TEST(BudgetGaugesTest, ModelsThatShareTheDeploymentsBudgetSaySo) {
  CoreRun run(MakeSettings("alarm_budget { per: '100000 rows' } shards: 1 " + Config("")));
  run.Apply(Panes(30, 0, 1, "first"));
  run.Apply(Panes(30, 0, 2, "second"));
  run.Restart();
  run.TakeCheckpoint();
  EXPECT_EQ(run.Snapshot("first")->budget_threshold, 2e5);
  EXPECT_EQ(run.Snapshot("second")->budget_threshold, 6e5);
  EXPECT_TRUE(run.Snapshot("second")->budget.of_deployment);
}

}  // namespace
}  // namespace faultline::testing
