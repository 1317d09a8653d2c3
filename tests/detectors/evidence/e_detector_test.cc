// The algebra of evidence against closed forms, exact enumeration and scipy 1.17.1.
#include "detectors/evidence/e_detector.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "detectors/evidence/confidence.h"
#include "detectors/evidence/dispersion.h"
#include "detectors/evidence/few_cells.h"
#include "detectors/evidence/reference_law.h"
#include "tests/detectors/play.h"
#include "tests/support/streams.h"

namespace faultline {
namespace {

using testing::Normals;
using testing::Numbers;
using testing::Play;
using testing::Random;

constexpr double kOne[] = {1.0};

// Values 0 or 1: the likelihood ratio of share q to share p.
double LogRatio(bool one, double p, double q) {
  return one ? std::log(q / p) : std::log((1 - q) / (1 - p));
}

// Mass of the bank after each of the batches, one bet.
std::vector<double> Masses(DetectorForm form, const std::vector<double>& log_values) {
  std::vector<BetState> bet(1);
  std::vector<double> masses;
  double time_s = 0;
  for (const double value : log_values) {
    AddIncrement(form, kOne, 1, time_s++, bet);
    Multiply({&value, 1}, bet);
    masses.push_back(TotalMass(bet));
  }
  return masses;
}

TEST(EDetector, FollowsTheRecursionsOfItsForms) {
  const std::vector<double> logs = {std::log(2), std::log(0.25), std::log(3), std::log(4)};
  const std::vector<double> roberts = Masses(DetectorForm::kShiryaevRoberts, logs);
  const std::vector<double> cusum = Masses(DetectorForm::kCusum, logs);
  const double expected_roberts[] = {2, 0.75, 5.25, 25};
  const double expected_cusum[] = {2, 0.5, 3, 12};
  for (size_t i = 0; i < logs.size(); ++i) {
    EXPECT_NEAR(roberts[i], expected_roberts[i], 1e-12 * expected_roberts[i]) << i;
    EXPECT_NEAR(cusum[i], expected_cusum[i], 1e-12 * expected_cusum[i]) << i;
  }
}

// Every sequence of twelve values, weighted with its probability where nothing has changed.
TEST(EDetector, MeanMassIsTheIncrementsWhileNothingChanges) {
  constexpr int kLength = 12;
  constexpr double kP = 0.3;
  constexpr double kQ = 0.45;
  double roberts = 0;
  double cusum = 0;
  for (int sequence = 0; sequence < 1 << kLength; ++sequence) {
    std::vector<double> logs;
    double probability = 1;
    for (int i = 0; i < kLength; ++i) {
      const bool one = (sequence >> i & 1) != 0;
      probability *= one ? kP : 1 - kP;
      logs.push_back(LogRatio(one, kP, kQ));
    }
    roberts += probability * Masses(DetectorForm::kShiryaevRoberts, logs).back();
    cusum += probability * Masses(DetectorForm::kCusum, logs).back();
  }
  EXPECT_NEAR(roberts, kLength, 1e-9);
  EXPECT_LE(cusum, kLength);
  EXPECT_GE(cusum, 1);
}

// One restart per alarm, exactly enumerated: alarms on average <= increments / threshold.
TEST(EDetector, MeanAlarmsAreAtMostIncrementsOverThreshold) {
  constexpr int kLength = 16;
  constexpr double kP = 0.5;
  constexpr double kThreshold = 8;
  const double logs[] = {LogRatio(false, kP, 0.8), LogRatio(true, kP, 0.8)};
  double alarms = 0;
  for (int sequence = 0; sequence < 1 << kLength; ++sequence) {
    std::vector<BetState> bet(1);
    for (int i = 0; i < kLength; ++i) {
      AddIncrement(DetectorForm::kShiryaevRoberts, kOne, 1, i, bet);
      Multiply({&logs[sequence >> i & 1], 1}, bet);
      if (TotalMass(bet) < kThreshold) continue;
      alarms += std::pow(0.5, kLength);
      Clear(bet);
    }
  }
  EXPECT_LE(alarms, kLength / kThreshold);
  EXPECT_GE(alarms, 0.3 * kLength / kThreshold);  // not by never alarming
}

TEST(EDetector, ChangeTimeIsThePosteriorOfAllStarts) {
  Random random(5);
  const double rates[] = {0.4, 1.1};
  const double weights[] = {0.25, 0.5};
  std::vector<BetState> bank(2);
  struct Start {
    double time_s;
    double mass;
  };
  std::vector<Start> starts;
  for (int i = 0; i < 200; ++i) {
    const double time_s = 1e9 + 3 * i;
    const double value = random.Normal() + (i > 150 ? 1 : 0);
    AddIncrement(DetectorForm::kShiryaevRoberts, weights, 2, time_s, bank);
    std::vector<double> logs;
    for (int k = 0; k < 2; ++k) {
      starts.push_back({time_s, 2 * weights[k]});
      logs.push_back(rates[k] * value - rates[k] * rates[k] / 2);
    }
    for (size_t s = 0; s < starts.size(); ++s) starts[s].mass *= std::exp(logs[s % 2]);
    Multiply(logs, bank);
  }
  double mass = 0, mean = 0, square = 0;
  for (const Start& start : starts) mass += start.mass;
  for (const Start& start : starts) mean += start.mass / mass * start.time_s;
  for (const Start& start : starts) {
    square += start.mass / mass * (start.time_s - mean) * (start.time_s - mean);
  }
  EXPECT_NEAR(TotalMass(bank), mass, 1e-9 * mass);
  EXPECT_NEAR(EstimateChange(bank).mean_s, mean, 1e-3);
  EXPECT_NEAR(EstimateChange(bank).deviation_s, std::sqrt(square), 1e-2);
  EXPECT_NEAR(mean, 1e9 + 3 * 151, 60);
}

TEST(EDetector, LogMixIsTheLogarithmOfTheMean) {
  const double weights[] = {0.5, 0.25, 0.25};
  const double logs[] = {std::log(2), std::log(8), -INFINITY};
  EXPECT_NEAR(LogMix(weights, logs), std::log(3), 1e-12);
  const double large[] = {5000, 5000, 5000};
  EXPECT_NEAR(LogMix(weights, large), 5000, 1e-9);
}

TEST(EDetector, MassStaysFinite) {
  std::vector<BetState> bet(1);
  for (int i = 0; i < 1000; ++i) {
    AddIncrement(DetectorForm::kShiryaevRoberts, kOne, 1, i, bet);
    const double huge = 1e6;
    Multiply({&huge, 1}, bet);
    EXPECT_LE(TotalMass(bet), 1e300);
  }
  const double never = -INFINITY;
  Multiply({&never, 1}, bet);
  EXPECT_GE(TotalMass(bet), 0);
  EXPECT_TRUE(std::isfinite(EstimateChange(bet).mean_s));
}

// scipy: chi2.ppf(1 - norm.sf(z), 2 * (count + 1)) / 2 and chi2.ppf(norm.sf(z), 2 * count) / 2.
TEST(Confidence, PoissonLimitsAreNearTheExactOnes) {
  struct Case {
    double z, count, upper, lower;
  };
  const Case cases[] = {{2, 0, 3.783184333682032, 0},
                        {2, 1, 5.682707562895901, 0.023012909328963476},
                        {2, 5, 11.820598955701575, 1.5828728006821127},
                        {2, 40, 54.77854267619125, 28.375222445452604},
                        {2, 1000, 1065.2718274168408, 937.7596419630572},
                        {3.09, 0, 6.906973108343301, 0},
                        {3.09, 5, 16.453655678827836, 0.7395033181027995},
                        {3.09, 40, 63.660212968157786, 23.260953830384377},
                        {3.09, 1000, 1101.619111168935, 905.127663065561}};
  for (const Case& c : cases) {
    EXPECT_NEAR(PoissonUpper(c.count, c.z), c.upper, 0.03 * c.upper) << c.z << " " << c.count;
    EXPECT_LE(PoissonLower(c.count, c.z), 1.02 * c.lower) << c.z << " " << c.count;
    EXPECT_GE(PoissonLower(c.count, c.z), 0.93 * c.lower - 0.02) << c.z << " " << c.count;
  }
}

// A walk that leaves its confidence sequence at any time counts.
TEST(Confidence, SequenceHoldsTheMeanAtAllTimesAtOnce) {
  constexpr int kWalks = 2'000;
  constexpr double kAlpha = 0.1;
  int left = 0;
  for (uint64_t walk = 0; walk < kWalks; ++walk) {
    Random random(walk + 1);
    double sum = 0;
    for (int n = 1; n <= 1'000; ++n) {
      sum += random.Normal();
      if (std::fabs(sum / n) <= NormalMixtureRadius(n, kAlpha, 100)) continue;
      ++left;
      break;
    }
  }
  EXPECT_LE(left, kWalks * kAlpha);
  EXPECT_GE(left, kWalks * kAlpha / 20);  // nor wider than it need be by far
}

ReferenceLaw LawOf(const std::vector<double>& rows, std::vector<uint8_t> hours = {},
                   double span_s = 0) {
  const Shape shape = MakeNumericShape(rows, 1, {});
  Summary reference(&shape);
  reference.CountNumbers(rows, nullptr, {0, static_cast<uint32_t>(rows.size())});
  return LearnNumericLaw(reference, rows, nullptr, {hours, span_s});
}

// The mean of exp(rate * (x - m) / s - cost) over fresh N(0, 1) values is known in closed form;
// above 1 only for as many references as two standard errors allow.
TEST(ReferenceLaw, BetsLearntFromAReferenceAreFair) {
  int bets = 0;
  int unfair = 0;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    const std::vector<double> rows = Normals(seed, 1'000);
    double m = 0, square = 0;
    for (const double x : rows) m += x / 1'000;
    for (const double x : rows) square += (x - m) * (x - m) / 1'000;
    const double s = std::sqrt(square);
    for (const TiltedBet& bet : LawOf(rows).mean_bets) {
      if (!std::isfinite(bet.cost)) continue;
      ++bets;
      unfair += bet.rate * bet.rate / (2 * square) - bet.rate * m / s - bet.cost > 0;
    }
  }
  EXPECT_GE(bets, 200 * 10);
  EXPECT_LE(unfair, bets / 25);
}

TEST(ReferenceLaw, HeavyTailsAreNotBetOn) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    Random random(seed);
    std::vector<double> rows(5'000);
    for (double& x : rows) x = std::tan(M_PI * (random.Uniform() - 0.5));
    for (const TiltedBet& bet : LawOf(rows).mean_bets) EXPECT_TRUE(std::isinf(bet.cost)) << seed;
    for (double& x : rows) x = -std::log(1 - random.Uniform());
    EXPECT_TRUE(std::isfinite(LawOf(rows).mean_bets[0].cost)) << seed;
  }
}

// Of an autoregression with coefficient a, sums vary (1 + a) / (1 - a) times as independent ones.
TEST(ReferenceLaw, DispersionIsThatOfAnAutoregression) {
  std::vector<double> rows(100'000);
  Random random(3);
  double last = 0;
  for (double& x : rows) x = last = 0.5 * last + random.Normal();
  EXPECT_NEAR(DispersionOfMeans(rows), 3, 0.6);
  EXPECT_EQ(DispersionOfMeans(Normals(4, 100'000)), 1);
  EXPECT_EQ(DispersionOfMeans(Normals(4, 100)), 1);
}

TEST(ReferenceLaw, HoursOfTheWeekAreLearntWhenTheySpanItTwice) {
  constexpr int kRows = 168 * 4 * 12;
  std::vector<double> rows(kRows);
  std::vector<uint8_t> hours(kRows);
  Random random(8);
  for (int i = 0; i < kRows; ++i) {
    hours[i] = static_cast<uint8_t>(i / 12 % 168);
    rows[i] = 3 * std::sin(2 * M_PI * hours[i] / 168.0) + random.Normal();
  }
  const double span = 4.0 * 168 * 3'600;
  const ReferenceLaw law = LawOf(rows, hours, span);
  EXPECT_EQ(law.season, Season::kWeek);
  ASSERT_EQ(law.hours.size(), 168u);
  EXPECT_GT(law.hours[42].mean, law.hours[126].mean + 2);
  EXPECT_EQ(LawOf(rows, hours, span / 4).season, Season::kDay);
  EXPECT_EQ(LawOf(rows).season, Season::kNone);
}

// Of 100 rows two hold categories that no other row has.
TEST(FewCells, SeenOnceCountsRowsWithACategoryOfTheirOwn) {
  const std::vector<std::string> words = {"often", "once", "once too", "twice"};
  std::vector<uint32_t> codes(96, 0);
  for (const uint32_t code : {1u, 2u, 3u, 3u}) codes.push_back(code);
  const Shape shape = MakeCategoricalShape(words, std::vector<uint64_t>{96, 1, 1, 2}, 1, {});
  CategoryMap map;
  map.Assign(shape, words);
  Summary reference(&shape);
  reference.CountCategories(codes, map, nullptr, {0, 100});
  EXPECT_EQ(SeenOnce(reference), 2);
}

// Verdicts say the same of a stream in other units.
TEST(Evidence, DoesNotDependOnUnits) {
  v1::DetectorSpec mean, scale, distribution;
  mean.mutable_mean_change();
  scale.mutable_scale_change();
  distribution.mutable_distribution_change();
  for (const v1::DetectorSpec& spec : {mean, scale, distribution}) {
    std::vector<std::vector<Verdict>> runs;
    for (const auto& [factor, offset] : {std::pair{1.0, 0.0}, {1024.0, 0.0}, {0.5, 4096.0}}) {
      std::vector<double> reference = Normals(1, 4'000);
      std::vector<double> live = Normals(2, 2'000);
      for (const double x : Normals(3, 2'000)) live.push_back(0.4 + 1.5 * x);
      for (double& x : reference) x = factor * x + offset;
      for (double& x : live) x = factor * x + offset;
      runs.push_back(Play(spec, Numbers(reference), {}).Run(Numbers(live)));
    }
    EXPECT_EQ(runs[0].back().state, VerdictState::kAlarm);
    for (size_t i = 0; i < runs[0].size(); ++i) {
      for (const size_t other : {1, 2}) {
        EXPECT_EQ(runs[0][i].state, runs[other][i].state) << i;
        EXPECT_NEAR(runs[0][i].score, runs[other][i].score, 0.02) << i;
      }
    }
  }
}

}  // namespace
}  // namespace faultline
