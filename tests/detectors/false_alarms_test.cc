// False alarms on streams where nothing changes, against the alarm budget: the bench `arl` in
// small, with fixed seeds.
#include <gtest/gtest.h>

#include "tests/bench/arl_run.h"

namespace faultline::bench {
namespace {

class FalseAlarms : public ::testing::TestWithParam<NullStream> {};

// Fails if the promise is broken beyond chance: the lower limit is above the budget.
void ExpectKept(const ArlSetting& setting, int streams) {
  ArlCount count;
  for (int seed = 1; seed <= streams; ++seed) {
    RunNullStream(FalseAlarms::GetParam(), setting, 7'000 + static_cast<uint64_t>(seed), &count);
  }
  const double promised = count.rows / setting.budget_rows;
  EXPECT_LE(LowerLimit99(count.alarms), promised)
      << count.alarms << " alarms, promised " << promised;
}

TEST_P(FalseAlarms, KeepToTheBudgetOfOneSignal) {
  ExpectKept({.budget_rows = 1e4, .stream_rows = 50'000}, 8);
}

TEST_P(FalseAlarms, KeepToTheBudgetOfManySignals) {
  ExpectKept({.budget_rows = 1e4, .signals = 50, .stream_rows = 20'000}, 2);
}

INSTANTIATE_TEST_SUITE_P(NullStreams, FalseAlarms,
                         ::testing::ValuesIn(NullStreams().begin(), NullStreams().end()),
                         [](const auto& test) {
                           std::string name(test.param.name);
                           for (char& c : name) c = c == '.' ? '_' : c;
                           return name;
                         });

// A change is not missed for the sake of the budget.
TEST(FalseAlarmsOfAChange, AreAlarms) {
  struct Jump {
    static double Next(NullStream::Past* past) {
      return past->random.Normal() + (past->index++ >= 10'000 ? 0.5 : 0);
    }
  };
  ArlCount count;
  RunNullStream({"jump", Jump::Next}, {.budget_rows = 1e4, .stream_rows = 20'000}, 1, &count);
  EXPECT_GE(LowerLimit99(count.alarms), count.rows / 1e4);
}

TEST(PoissonLimits, AreGarwoods) {
  // scipy 1.17.1: chi2.ppf(0.99, 2 * (count + 1)) / 2, chi2.ppf(0.01, 2 * count) / 2.
  EXPECT_NEAR(UpperLimit99(0), 4.605170185988092, 1e-9);
  EXPECT_NEAR(UpperLimit99(10), 20.144680218796932, 1e-9);
  EXPECT_NEAR(LowerLimit99(10), 4.1301991662732, 1e-9);
}

}  // namespace
}  // namespace faultline::bench
