#include "daemon/core/signal/alarm_budget.h"

#include <gtest/gtest.h>

#include <cmath>

#include "daemon/core/signal/signal_state.h"
#include "tests/daemon/core/core_run.h"

namespace faultline {
namespace {

constexpr double kDay = 86'400;

TEST(AlarmBudget, ThresholdIsThePeriodPerFalseAlarm) {
  const AlarmBudget monthly;
  EXPECT_DOUBLE_EQ(BudgetDivision::ThresholdOf(monthly, 1, 1), 30 * kDay);
  EXPECT_DOUBLE_EQ(BudgetDivision::ThresholdOf({.false_alarms = 3, .period = 6 * kDay}, 1, 4),
                   2 * kDay);
  EXPECT_DOUBLE_EQ(BudgetDivision::ThresholdOf({.period = kDay, .replicas = 5}, 1, 1), 5 * kDay);
  EXPECT_TRUE(std::isinf(BudgetDivision::ThresholdOf({.false_alarms = 0}, 1, 1)));
}

// However many models there will be: the sum of what each may cost stays below the whole.
TEST(AlarmBudget, PartsOfADeploymentSumToTheWhole) {
  const AlarmBudget budget = {.period = 1, .of_deployment = true};
  constexpr uint32_t kShards = 3;
  double granted = 0;
  for (uint64_t k = 1; k <= 10'000; ++k) {
    granted += kShards / BudgetDivision::ThresholdOf(budget, k, kShards);
  }
  EXPECT_LE(granted, 1 + 1e-12);
  EXPECT_GE(granted, 0.999);
}

// Shares of all pairs of these signals, which are judged by all detectors.
std::vector<double> SharesOf(const std::string& detectors, size_t signals) {
  const auto model = testing::MakeSettings("defaults {" + detectors + "}")->ForModel("any");
  const std::vector<double> rows = {1, 2, 3};
  const auto reference = SignalReference::OfNumbers(rows, nullptr, {}, 1, {});
  std::vector<SignalState> states(signals);
  for (SignalState& state : states) {
    state.reference = reference;
    for (uint16_t i = 0; i < model->detectors.size(); ++i) state.detectors.push_back(i);
  }
  const WeighedSignals stream = {states};
  const BudgetDivision division(*model, {&stream, 1}, 0);
  std::vector<double> shares;
  for (size_t i = 0; i < signals; ++i) {
    for (const DetectorSettings& detector : model->detectors) {
      shares.push_back(division.ShareOf(detector));
    }
  }
  return shares;
}

double SumOf(const std::vector<double>& shares) {
  double sum = 0;
  for (const double share : shares) sum += share;
  return sum;
}

TEST(AlarmBudget, SharesFollowWeightsAndPins) {
  const std::vector<double> even = SharesOf("detectors { mean_change {} }", 4);
  for (const double share : even) EXPECT_DOUBLE_EQ(share, 0.25);
  const std::vector<double> mixed = SharesOf(
      "detectors { mean_change {} share: 0.1 } detectors { scale_change {} weight: 3 }"
      "detectors { stuck {} } detectors { psi { threshold: 0.2 } }",
      2);
  ASSERT_EQ(mixed.size(), 8u);
  EXPECT_DOUBLE_EQ(mixed[0], 0.1);
  EXPECT_DOUBLE_EQ(mixed[1], 0.8 * 3 / 8);
  EXPECT_DOUBLE_EQ(mixed[2], 0.8 * 1 / 8);
  EXPECT_EQ(mixed[3], 0);  // not on the budget
  EXPECT_DOUBLE_EQ(SumOf(mixed), 1);
}

TEST(AlarmBudget, PinsOfMoreThanTheWholeAreScaledDown) {
  const std::vector<double> pinned =
      SharesOf("detectors { mean_change {} share: 0.4 } detectors { scale_change {} }", 5);
  EXPECT_DOUBLE_EQ(SumOf(pinned), 1);
  EXPECT_DOUBLE_EQ(pinned[0], 0.2);
  EXPECT_EQ(pinned[1], 0);
}

}  // namespace
}  // namespace faultline
