#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "detectors/stats/conventions.h"
#include "detectors/stats/elementary.h"
#include "detectors/stats/kolmogorov_law.h"
#include "detectors/stats/samples.h"
#include "tests/detectors/oracle_cases.h"
#include "tests/support/streams.h"

// Laws of test statistics, and the scores that look at a law as a whole, against other people's.

namespace faultline {
namespace {

using testing::Normals;
using testing::OracleCase;
using testing::OracleCases;

// To 1e-12 of the value, or of 1 if that is more.
void ExpectSame(double ours, double theirs, const std::string& line) {
  EXPECT_NEAR(ours, theirs, 1e-12 * std::max(1.0, std::fabs(theirs))) << line;
}

std::vector<double> Sorted(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values;
}

TEST(KolmogorovLaw, EqualsScipyAtEverySize) {
  for (const OracleCase& made : OracleCases("vectors.txt", "kolmogorov_law")) {
    const uint64_t n = made.Counts("n")[0];
    const double x = made.Number("x");
    // Small tails must have the right digits too.
    EXPECT_NEAR(SmirnovQ(n, x), made.Number("smirnov"), 1e-12 * made.Number("smirnov"))
        << made.line;
    ExpectSame(KolmogorovSmirnovQ(n, x), made.Number("value"), made.line);
    EXPECT_NEAR(KolmogorovSmirnovQ(n, x), made.Number("value"), 1e-10 * made.Number("value"))
        << made.line;
  }
  for (const OracleCase& made : OracleCases("vectors.txt", "kolmogorov_inverse")) {
    ExpectSame(KolmogorovQ(made.Number("x")) / made.Number("value"), 1, made.line);
  }
}

TEST(KolmogorovLaw, OfTwoLargeSamplesIsThatOfTheirHarmonicSize) {
  std::vector<double> p;
  for (int64_t i = 0; i < 12'000; ++i) {
    p.push_back(static_cast<double>((i * 7919) % 20011) / 1000);
  }
  p = Sorted(p);
  for (const OracleCase& made : OracleCases("samples.txt", "scipy_large")) {
    std::vector<double> q;
    for (int64_t i = 0; i < static_cast<int64_t>(made.Number("rows")); ++i) {
      q.push_back(static_cast<double>((i * 104729) % 20011) / 1000 + made.Number("shift"));
    }
    const TestResult ks = KolmogorovSmirnovTest(p, Sorted(q));
    ExpectSame(ks.statistic, made.Number("ks"), made.line);
    ExpectSame(ks.p_value, made.Number("ks_p"), made.line);
    EXPECT_NEAR(ks.p_value / made.Number("ks_p"), 1, 1e-10) << made.line;
  }
  for (const OracleCase& made : OracleCases("samples.txt", "scipy")) {
    const TestResult ks =
        KolmogorovSmirnovTest(Sorted(made.Numbers("p")), Sorted(made.Numbers("q")));
    ExpectSame(ks.statistic, made.Number("ks"), made.line);
    ExpectSame(ks.p_value, made.Number("ks_p"), made.line);
  }
}

TEST(KolmogorovLaw, AnswersOddInput) {
  EXPECT_TRUE(std::isnan(SmirnovQ(0, 0.5)));
  EXPECT_TRUE(std::isnan(KolmogorovSmirnovQ(0, 0.5)));
  EXPECT_TRUE(std::isnan(KolmogorovSmirnovQ(10, std::nan(""))));
  EXPECT_TRUE(std::isnan(KolmogorovSmirnovTest({}, std::vector<double>{1}).p_value));
  EXPECT_EQ(KolmogorovSmirnovQ(10, 0.04), 1);
  EXPECT_EQ(KolmogorovSmirnovQ(10, 1), 0);
  EXPECT_EQ(SmirnovQ(10, -1), 1);
  EXPECT_EQ(KolmogorovSmirnovQ(1'000'000'000, 0.5), 0);
}

TEST(WholeLaws, EqualScipyAndDcor) {
  for (const OracleCase& made : OracleCases("samples.txt", "whole_law")) {
    const std::vector<double> p = Sorted(made.Numbers("p"));
    const std::vector<double> q = Sorted(made.Numbers("q"));
    const TestResult es = EppsSingleton(p, q);
    // The inverse of a bad covariance takes its condition number's digits from any doubles.
    const double lost = 0x1p-52 * made.Number("condition");
    const double tolerance = std::max(1e-12, lost) * std::max(1.0, made.Number("es"));
    EXPECT_NEAR(es.statistic, made.Number("es"), tolerance) << made.line;
    EXPECT_NEAR(es.p_value, made.Number("es_p"), std::max(1e-12, lost)) << made.line;
    const double root = EnergyDistance(p, q);
    ExpectSame(root, made.Number("scipy_energy"), made.line);
    ExpectSame(root * root, made.Number("energy"), made.line);
    ExpectSame(EnergyStatistic(p, q), made.Number("e_statistic"), made.line);
  }
}

TEST(WholeLaws, AnswerOddInput) {
  const std::vector<double> four = {1, 2, 3, 4};
  const std::vector<double> some = Sorted(Normals(1, 40));
  const std::vector<double> same(50, 3.0);
  EXPECT_TRUE(std::isnan(EppsSingleton(four, some).p_value));
  EXPECT_TRUE(std::isnan(EppsSingleton(same, same).p_value));
  EXPECT_TRUE(std::isnan(EnergyStatistic({}, some)));
  EXPECT_EQ(EnergyStatistic(same, same), 0);
  EXPECT_EQ(EppsSingleton(some, some).p_value, 1);
  std::vector<double> far = some;
  far.back() = 1e300;
  EXPECT_TRUE(std::isnan(EppsSingleton(some, far).p_value));
  // Two values alone: one direction of the four has any spread.
  std::vector<double> bits(60, 0.0);
  std::fill(bits.begin() + 30, bits.end(), 1.0);
  std::vector<double> fewer(60, 0.0);
  std::fill(fewer.begin() + 40, fewer.end(), 1.0);
  const double z = (0.5 - 1.0 / 3) / std::sqrt(0.25 / 60 + 2.0 / 9 / 60);
  const TestResult of_bits = EppsSingleton(bits, fewer);
  EXPECT_NEAR(of_bits.statistic, z * z, 1e-9);
  EXPECT_NEAR(of_bits.p_value, 2 * NormalQ(z), 1e-9);
}

// Neither a shift nor a change of unit makes a difference.
TEST(WholeLaws, EppsSingletonDoesNotSeeTheUnit) {
  const std::vector<double> p = Sorted(Normals(2, 300));
  const std::vector<double> q = Sorted(Normals(3, 200, 0, 1.4));
  const TestResult plain = EppsSingleton(p, q);
  EXPECT_LT(plain.p_value, 0.01);
  EXPECT_GT(MannWhitney(p, q).p_value, 0.05);
  std::vector<double> p_moved = p;
  std::vector<double> q_moved = q;
  for (double& value : p_moved) value = 1024 * value + 4096;
  for (double& value : q_moved) value = 1024 * value + 4096;
  EXPECT_NEAR(EppsSingleton(p_moved, q_moved).statistic / plain.statistic, 1, 1e-10);
}

TEST(Conventions, EvidentlyFillsTheEmptyCellsOfALargeSideWithLess) {
  std::vector<double> p;
  std::vector<double> q;
  for (int64_t i = 0; i < 12'006; ++i) {
    p.push_back(static_cast<double>((i * 7919) % 12007) / 1000);
  }
  p.push_back(14);
  for (int64_t i = 0; i < 900; ++i) {
    q.push_back(static_cast<double>((i * 104729) % 9001) / 1000 + 1);
  }
  const OracleCase made = OracleCases("samples.txt", "evidently_large").front();
  ExpectSame(evidently::Psi(p, q), made.Number("psi"), made.line);
  ExpectSame(evidently::KullbackLeibler(p, q), made.Number("kl"), made.line);
}

TEST(Elementary, SineAndCosineEqualTheOracle) {
  for (const OracleCase& made : OracleCases("vectors.txt", "sine")) {
    const SineAndCosine at = SinCos(made.Number("x"));
    EXPECT_NEAR(at.sine, made.Number("sine"), 4e-16) << made.line;
    EXPECT_NEAR(at.cosine, made.Number("cosine"), 4e-16) << made.line;
  }
  EXPECT_TRUE(std::isnan(SinCos(INFINITY).sine));
}

}  // namespace
}  // namespace faultline
