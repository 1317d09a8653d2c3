// What the kinds promise that look at rows as such: their rate, their content, columns together.

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "detectors/evidence/reference_law.h"
#include "detectors/quality/week_of_rates.h"
#include "tests/detectors/play.h"
#include "tests/support/streams.h"

namespace faultline {
namespace {

using testing::Play;
using testing::Random;
using testing::Rows;

v1::DetectorSpec Spec(const std::string& text) {
  v1::DetectorSpec spec;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &spec)) << text;
  return spec;
}

uint32_t Alarms(const std::vector<Verdict>& verdicts) {
  uint32_t alarms = 0;
  for (size_t i = 0; i < verdicts.size(); ++i) {
    const bool alarm = verdicts[i].state == VerdictState::kAlarm;
    alarms += alarm && (i == 0 || verdicts[i - 1].state != VerdictState::kAlarm);
  }
  return alarms;
}

// A count of mean `mean`: Poisson, by products of uniform numbers or its normal limit.
double Poisson(double mean, Random& random) {
  if (mean > 200) return std::max(0.0, std::round(mean + std::sqrt(mean) * random.Normal()));
  double count = -1;
  for (double product = 1; product > std::exp(-mean); ++count) product *= random.Uniform();
  return count;
}

// Panes of one length, with a number of rows each.
class Panes {
 public:
  static constexpr double kLength = 60;

  explicit Panes(double budget_panes, const std::string& spec = "row_rate_drop {}")
      : detector_(*MakeDetector(Spec(spec))),
        reference_(&shape_),
        state_(detector_.follow->state_bytes()),
        budget_s_(budget_panes * kLength) {
    shape_.version = 1;
    detector_.follow->Start(state_);
  }

  Verdict Close(double rows) {
    Summary pane(&shape_);
    pane.CountMissing(static_cast<uint64_t>(rows));
    const double begin = at_s_;
    at_s_ += kLength;
    FollowInput input = {.reference = reference_, .law = law_, .pane = pane};
    input.begin_s = begin;
    input.end_s = at_s_;
    input.budget_increment = kLength;
    input.threshold = budget_s_;
    const Verdict verdict = detector_.follow->Follow(input, state_);
    const bool alarm = verdict.state == VerdictState::kAlarm;
    alarms += alarm && !alarm_;
    alarm_ = alarm;
    return verdict;
  }
  double at_s() const { return at_s_; }

  uint32_t alarms = 0;

 private:
  Detector detector_;
  Shape shape_;
  Summary reference_;
  ReferenceLaw law_;
  std::vector<std::byte> state_;
  double budget_s_;
  double at_s_ = 1'790'035'200;
  bool alarm_ = false;
};

TEST(RowRateDrop, StaysWithinItsBudgetOnUnchangedTraffic) {
  constexpr uint32_t kPanes = 40'000;
  constexpr double kBudget = 2'000;  // panes: 20 false alarms are allowed on the average
  for (const double mean : {0.3, 3.0, 40.0, 2000.0}) {
    for (const double spread : {0.0, 0.3}) {  // of the rate from pane to pane
      Random random(static_cast<uint64_t>(mean * 100 + spread * 10));
      Panes panes(kBudget);
      for (uint32_t i = 0; i < kPanes; ++i) {
        panes.Close(Poisson(mean * std::exp(spread * random.Normal()), random));
      }
      EXPECT_LE(panes.alarms, 20u) << mean << " " << spread;
    }
  }
}

TEST(RowRateDrop, StaysWithinItsBudgetOnDependentTraffic) {
  Random random(7);
  Panes panes(2'000);
  double wave = 0;
  for (uint32_t i = 0; i < 40'000; ++i) {
    wave = 0.9 * wave + 0.2 * std::sqrt(1 - 0.81) * random.Normal();
    panes.Close(Poisson(500 * std::exp(wave), random));
  }
  EXPECT_LE(panes.alarms, 20u);
}

// Six weeks of days with a night at a fifth of the traffic; at week ends traffic falls to two
// fifths from one minute to the next, which is a drop until it is known.
TEST(RowRateDrop, DaysAreNoDropAndWeeksAreLearnt) {
  Random random(8);
  Panes panes(43'200);  // 30 days
  Verdict last;
  for (uint32_t i = 0; i < 6 * 7 * 1'440; ++i) {
    const double day = panes.at_s() / 86'400;
    const double wave = std::cos(2 * M_PI * day);
    const bool weekend = std::fmod(day, 7) < 2;
    const double rate = (weekend ? 80 : 200) * (0.6 + 0.4 * wave);
    last = panes.Close(Poisson(rate, random));
    if (i == 3 * 1'440) {
      EXPECT_EQ(last.season, Season::kDay);
    }
    if (i < 2 * 7 * 1'440) {
      EXPECT_LE(panes.alarms, 2u);
    }
    if (i == 2 * 7 * 1'440) panes.alarms = 0;
  }
  EXPECT_EQ(panes.alarms, 0u);
  EXPECT_EQ(last.season, Season::kWeek);
}

TEST(RowRateDrop, SeesSilenceInFewPanesAndThatItEnds) {
  Random random(9);
  Panes panes(43'200 * 200.0);  // 30 days, shared by 200 pairs
  for (uint32_t i = 0; i < 1'000; ++i) panes.Close(Poisson(100, random));
  Verdict verdict;
  uint32_t silent = 0;
  while (silent < 20 && verdict.state != VerdictState::kAlarm) {
    verdict = panes.Close(0);
    ++silent;
  }
  EXPECT_LE(silent, 6u);
  EXPECT_GE(silent, 2u) << "no pane alone may decide";
  EXPECT_EQ(verdict.detail.find("no rows for "), 0u) << verdict.detail;
  EXPECT_LT(verdict.effect_high, 0);
  EXPECT_NEAR(verdict.effect_size, -1, 0.05);
  const double begin_s = panes.at_s() - silent * Panes::kLength;
  EXPECT_NEAR(static_cast<double>(verdict.change_ns) / 1e9, begin_s, 3 * Panes::kLength);
  uint32_t until_quiet = 0;
  while (until_quiet < 50 && panes.Close(Poisson(100, random)).state == VerdictState::kAlarm) {
    ++until_quiet;
  }
  EXPECT_LT(until_quiet, 10u);
}

TEST(RowRateDrop, SeesHalfTheRateOfSlowTraffic) {
  Random random(10);
  Panes panes(43'200 * 200.0);
  for (uint32_t i = 0; i < 2'000; ++i) panes.Close(Poisson(30, random));
  EXPECT_EQ(panes.alarms, 0u);
  uint32_t delay = 0;
  while (delay < 200 && panes.Close(Poisson(15, random)).state != VerdictState::kAlarm) ++delay;
  EXPECT_LT(delay, 60u);
}

TEST(RowRateDrop, AnOddGapAndATimeThatGoesBackAreNoDrop) {
  Random random(11);
  Panes panes(2'000);
  for (uint32_t i = 0; i < 500; ++i) panes.Close(Poisson(50, random));
  for (uint32_t i = 0; i < 500; ++i) panes.Close(Poisson(5'000, random));  // a rise
  EXPECT_EQ(panes.alarms, 0u);
}

TEST(WeekOfRates, KeepsRatesAndBelievesTheLowerOne) {
  WeekOfRates week;
  const double begin = 1'790'035'200;  // an hour's
  const auto hour_of = [&](double at, double rate) {
    for (uint32_t minute = 0; minute < 60; ++minute) {
      week.Add(60 * rate, 60, at + 60 * minute + 30);
    }
  };
  for (uint32_t hour = 0; hour < 49; ++hour) hour_of(begin + 3'600 * hour, 1 + hour % 24);
  EXPECT_EQ(week.season(), 24);
  const double third = begin + 3 * 3'600;
  EXPECT_NEAR(week.RateAt(24, third + 1'800) / 4, 1, 0.004);
  EXPECT_NEAR(week.RateAt(24, third + 3'600) / 4.5, 1, 0.004) << "between two hours";
  std::array<double, WeekOfRates::kNumbers> numbers{};
  week.Write(numbers);
  WeekOfRates again;
  EXPECT_TRUE(again.Read(numbers));
  EXPECT_EQ(again.RateAt(24, third), week.RateAt(24, third));
  numbers[0] = -1e-9;
  EXPECT_FALSE(again.Read(numbers)) << "hours are whole numbers";
  for (uint32_t hour = 49; hour < 337; ++hour) hour_of(begin + 3'600 * hour, hour == 171 ? 0 : 4);
  EXPECT_EQ(week.season(), 168);
  EXPECT_LT(week.RateAt(168, third + 1'800), 0.01) << "an outage, until it has come again";
}

// Independent runs: how many alarms, at one false alarm in 10,000 rows.
template <typename Make>
uint32_t FalseAlarms(const std::string& spec, const Make& make) {
  uint32_t alarms = 0;
  for (uint64_t run = 0; run < 8; ++run) {
    Random random(run + 1);
    const Rows reference = make(3'000, random);
    Play play(Spec(spec), reference, {.budget_rows = 1e4});
    alarms += Alarms(play.Run(make(10'000, random)));
  }
  return alarms;
}

Rows Pairs(uint32_t rows, double correlation, Random& random) {
  Rows made;
  made.columns.resize(2);
  for (uint32_t i = 0; i < rows; ++i) {
    const double share = random.Normal();
    for (std::vector<double>& column : made.columns) {
      column.push_back(std::sqrt(correlation) * share +
                       std::sqrt(1 - correlation) * random.Normal());
    }
  }
  return made;
}

Rows Codes(uint32_t rows, uint64_t kinds, double broken, Random& random) {
  Rows made;
  made.columns.resize(2);
  for (uint32_t i = 0; i < rows; ++i) {
    const uint64_t kind = random.Below(kinds);
    made.columns[0].push_back(static_cast<double>(kind));
    made.columns[1].push_back(static_cast<double>(kind * 7 % 11) +
                              (random.Uniform() < broken ? 20 : 0));
  }
  return made;
}

// 80,000 rows: 8 false alarms are allowed on the average.
TEST(RowKinds, StayWithinTheirBudgetOnUnchangedRows) {
  for (const uint64_t kinds : {20, 3'000, 40'000}) {
    const auto rows = [&](uint32_t n, Random& random) { return Codes(n, kinds, 0.01, random); };
    EXPECT_LE(FalseAlarms("repeat_change {}", rows), 8u) << kinds;
    EXPECT_LE(FalseAlarms("dependency_change {from: 'c0' to: 'c1'}", rows), 8u) << kinds;
  }
  for (const double correlation : {0.0, 0.5, 0.99}) {
    const auto rows = [&](uint32_t n, Random& random) { return Pairs(n, correlation, random); };
    EXPECT_LE(FalseAlarms("correlation_change {first: 'c0' second: 'c1'}", rows), 8u)
        << correlation;
  }
  const auto heavy = [](uint32_t n, Random& random) {
    Rows rows = Pairs(n, 0.5, random);
    for (auto& column : rows.columns) {
      for (double& value : column) value = std::exp(3 * value);
    }
    return rows;
  };
  EXPECT_LE(FalseAlarms("correlation_change {}", heavy), 8u);
}

TEST(RepeatChange, CountsWhatCameWithinItsReachAndNotBefore) {
  Random random(3);
  const Rows reference = Pairs(2'000, 0, random);
  const Rows fresh = Pairs(3'000, 0, random);
  for (const bool near : {true, false}) {
    Rows live = fresh;
    Rows again;
    again.columns.resize(2);
    // The reach is 1000 rows, half the reference's.
    for (uint32_t i = near ? 2'500 : 100; again.columns[0].size() < 400; ++i) {
      for (size_t k = 0; k < 2; ++k) again.columns[k].push_back(fresh.columns[k][i]);
    }
    live.Append(again);
    Play play(Spec("repeat_change {}"), reference, {});
    EXPECT_EQ(Alarms(play.Run(live)), near ? 1u : 0u);
  }
}

TEST(RepeatChange, RowsThatRepeatByNatureAreNotForIt) {
  Random random(4);
  const Rows rows = Codes(3'000, 5, 0, random);
  Play play(Spec("repeat_change {}"), rows, {});
  const Verdict verdict = play.Run(rows).back();
  EXPECT_EQ(verdict.state, VerdictState::kCannotTell);
  EXPECT_TRUE(verdict.inapplicable);
}

TEST(DependencyChange, OneThatNeverHeldIsNoAlarm) {
  const auto rows = [](uint32_t n, Random& random) {
    Rows made;
    made.columns.resize(2);
    for (uint32_t i = 0; i < n; ++i) {
      made.columns[0].push_back(static_cast<double>(random.Below(1'000)));
      made.columns[1].push_back(static_cast<double>(random.Below(3)));
    }
    return made;
  };
  EXPECT_LE(FalseAlarms("dependency_change {from: 'c0' to: 'c1'}", rows), 8u);
}

TEST(CorrelationChange, FindsTheStrongestPairsByItself) {
  Random random(5);
  Rows rows = Pairs(3'000, 0.7, random);
  const Rows alone = Pairs(3'000, 0, random);
  rows.columns.insert(rows.columns.begin(), alone.columns[0]);
  const auto made = MakeDetector(Spec("correlation_change {pairs_max: 3}"));
  std::vector<RowColumn> columns;
  const std::vector<std::string> names = {"a", "b", "c"};
  for (size_t k = 0; k < 3; ++k) {
    columns.push_back({.signal = names[k], .numbers = rows.columns[k]});
  }
  std::vector<MadeSignal> signals;
  ASSERT_TRUE(made->transform->Fit(columns, 3'000, &signals).ok());
  ASSERT_EQ(signals.size(), 1u) << "the others do not go together";
  EXPECT_EQ(signals[0].name, "b ~ c");
}

}  // namespace
}  // namespace faultline
