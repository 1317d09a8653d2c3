#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "detectors/shift/coarse_cells.h"
#include "detectors/stats/distances.h"
#include "detectors/stats/elementary.h"
#include "tests/detectors/oracle_cases.h"
#include "tests/support/streams.h"

namespace faultline {
namespace {

using testing::Normals;
using testing::OracleCase;
using testing::Random;

std::vector<OracleCase> Cases(const std::string& name) {
  return testing::OracleCases("vectors.txt", name);
}

// To 1e-12 of the value, or of 1 if that is more.
void ExpectSame(double ours, double theirs, const std::string& line) {
  EXPECT_NEAR(ours, theirs, 1e-12 * std::max(1.0, std::fabs(theirs))) << line;
}

TEST(Distances, EqualTheOracle) {
  for (const OracleCase& made : Cases("cells")) {
    const std::vector<uint64_t> p = made.Counts("p");
    const std::vector<uint64_t> q = made.Counts("q");
    ExpectSame(Psi(p, q), made.Number("psi"), made.line);
    ExpectSame(JensenShannonDistance(p, q), made.Number("jensen_shannon"), made.line);
    ExpectSame(TotalVariation(p, q), made.Number("total_variation"), made.line);
    ExpectSame(Hellinger(p, q), made.Number("hellinger"), made.line);
    ExpectSame(KullbackLeibler(p, q), made.Number("kullback_leibler"), made.line);
    ExpectSame(LInfinity(p, q), made.Number("l_infinity"), made.line);
    ExpectSame(KolmogorovSmirnov(p, q), made.Number("kolmogorov_smirnov"), made.line);
    const ChiSquareResult chi = ChiSquare(p, q);
    ExpectSame(chi.statistic, made.Number("chi_square"), made.line);
    ExpectSame(chi.freedom, made.Number("freedom"), made.line);
    ExpectSame(chi.p_value, made.Number("p_value"), made.line);
    ExpectSame(chi.cramers_v, made.Number("cramers_v"), made.line);
  }
}

TEST(Distances, WassersteinEqualsExactFractions) {
  for (const OracleCase& made : Cases("bins")) {
    const std::vector<double>& edges = made.fields.at("edges");
    const double area = WassersteinOnBins(edges, 1, made.Counts("p"), made.Counts("q"));
    ExpectSame(area, made.Number("wasserstein"), made.line);
    const double halved = WassersteinOnBins(edges, 2, made.Counts("p"), made.Counts("q"));
    ExpectSame(halved, made.Number("wasserstein") / 2, made.line);
  }
}

TEST(Elementary, EqualTheOracle) {
  for (const OracleCase& made : Cases("gamma_q")) {
    const double value = made.Number("value");
    // Far out the p-value itself is tiny: there it must still have the right digits.
    EXPECT_NEAR(GammaQ(made.Number("a"), made.Number("x")), value, 1e-11 * value) << made.line;
  }
  for (const OracleCase& made : Cases("log_gamma")) {
    ExpectSame(LogGamma(made.Number("x")), made.Number("value"), made.line);
  }
  for (const OracleCase& made : Cases("kolmogorov_q")) {
    ExpectSame(KolmogorovQ(made.Number("x")), made.Number("value"), made.line);
  }
  for (const OracleCase& made : Cases("chi_mean")) {
    ExpectSame(ChiMean(made.Number("freedom")), made.Number("value"), made.line);
  }
}

double UnitsInTheLastPlace(double a, double b) {
  return std::fabs(a - b) / (std::nextafter(std::fabs(b), INFINITY) - std::fabs(b));
}

TEST(Elementary, LogAndExpAreWithinTwoUnits) {
  Random random(1);
  for (int i = 0; i < 100'000; ++i) {
    const double spread = i % 2 == 0 ? 1 : 600;
    const double x = std::exp(spread * (random.Uniform() - 0.5));
    ASSERT_LE(
        UnitsInTheLastPlace(Log(x), static_cast<double>(std::log(static_cast<long double>(x)))), 2)
        << x;
    const double y = spread * (random.Uniform() - 0.5);
    ASSERT_LE(
        UnitsInTheLastPlace(Exp(y), static_cast<double>(std::exp(static_cast<long double>(y)))), 2)
        << y;
  }
  EXPECT_EQ(Log(1), 0);
  EXPECT_EQ(Log(0), -std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::isnan(Log(-1)));
  EXPECT_EQ(Exp(0), 1);
  EXPECT_EQ(Exp(-1e9), 0);
  EXPECT_EQ(Exp(1e9), std::numeric_limits<double>::infinity());
}

// Of numbered cells; those that are not there to be compared are of no account.
TEST(Distances, DoNotChangeWithTheOrderOfCellsOrEmptyOnes) {
  using CellScore = double (*)(std::span<const uint64_t>, std::span<const uint64_t>);
  struct Named {
    const char* name;
    CellScore score;
    bool symmetric = true;
    bool ordered = false;
  };
  const Named scores[] = {
      {"psi", Psi},
      {"jensen_shannon", JensenShannonDistance},
      {"total_variation", TotalVariation},
      {"hellinger", Hellinger},
      {"kullback_leibler", KullbackLeibler, false},
      {"l_infinity", LInfinity},
      {"kolmogorov_smirnov", KolmogorovSmirnov, true, true},
      {"chi_square", [](auto p, auto q) { return ChiSquare(p, q).statistic; }},
  };
  const std::vector<uint64_t> p = {10, 3, 30, 57, 0, 25};
  const std::vector<uint64_t> q = {90, 80, 1, 12, 4, 3};
  const std::vector<size_t> order = {3, 0, 5, 2, 4, 1};
  std::vector<uint64_t> p_moved;
  std::vector<uint64_t> q_moved;
  for (const size_t i : order) {
    p_moved.push_back(p[i]);
    q_moved.push_back(q[i]);
  }
  std::vector<uint64_t> p_wide = p;
  std::vector<uint64_t> q_wide = q;
  p_wide.insert(p_wide.begin() + 2, 0);
  q_wide.insert(q_wide.begin() + 2, 0);
  for (const auto& [name, score, symmetric, ordered] : scores) {
    const double whole = score(p, q);
    EXPECT_EQ(std::fabs(score(p_moved, q_moved) / whole - 1) < 1e-12, !ordered) << name;
    EXPECT_EQ(std::fabs(score(q, p) / whole - 1) < 1e-12, symmetric) << name;
    EXPECT_NEAR(score(p_wide, q_wide) / whole, 1, 1e-12) << name;
  }
}

TEST(Distances, AreZeroBetweenEqualSharesAndNanWithoutRows) {
  const std::vector<uint64_t> p = {10, 0, 30, 60};
  const std::vector<uint64_t> q = {20, 0, 60, 120};
  const std::vector<uint64_t> none = {0, 0, 0, 0};
  EXPECT_LT(Psi(p, q), 1e-4);  // the half rows weigh differently
  EXPECT_EQ(JensenShannonDistance(p, q), 0);
  EXPECT_EQ(KolmogorovSmirnov(p, q), 0);
  EXPECT_EQ(TotalVariation(p, q), 0);
  EXPECT_EQ(ChiSquare(p, q).statistic, 0);
  EXPECT_EQ(ChiSquare(p, q).p_value, 1);
  EXPECT_TRUE(std::isnan(Psi(p, none)));
  EXPECT_TRUE(std::isnan(JensenShannonDistance(none, q)));
  EXPECT_TRUE(std::isnan(KolmogorovSmirnov(none, none)));
  EXPECT_TRUE(std::isnan(ChiSquare(p, none).p_value));
}

// The mean score over many pairs of samples of one law, by simulation, against the formula.
TEST(NoiseFloor, IsWhatUnchangedTrafficScores) {
  constexpr int kRounds = 400;
  constexpr uint64_t kReferenceRows = 2000;
  constexpr uint64_t kRows = 400;
  double psi = 0, js = 0, ks = 0, w1 = 0, v = 0;
  double psi_floor = 0, js_floor = 0, w1_floor = 0, v_floor = 0;
  for (uint64_t round = 0; round < kRounds; ++round) {
    const std::vector<double> before = Normals(2 * round + 1, kReferenceRows);
    const std::vector<double> now = Normals(2 * round + 2, kRows);
    const Shape shape = MakeNumericShape(before, 1, {});
    Summary reference(&shape);
    reference.CountNumbers(before, nullptr, {0, kReferenceRows});
    Summary window(&shape);
    window.CountNumbers(now, nullptr, {0, kRows});
    const CoarseCells cells = MakeCoarseCells(reference, window);
    const uint32_t used = UsedCells(cells.reference, cells.window);
    psi += Psi(cells.reference, cells.window);
    js += JensenShannonDistance(cells.reference, cells.window);
    v += ChiSquare(cells.reference, cells.window).cramers_v;
    psi_floor += PsiNoise(used, kReferenceRows, kRows);
    js_floor += JensenShannonNoise(used, kReferenceRows, kRows);
    v_floor += CramersVNoise(used, kReferenceRows, kRows);
    const std::vector<uint64_t> p = AscendingCells(reference);
    const std::vector<uint64_t> q = AscendingCells(window);
    ks += KolmogorovSmirnov(p, q);
    w1 += WassersteinOnBins(shape.boundaries, shape.scale, p, q);
    w1_floor += WassersteinNoise(shape.boundaries, shape.scale, p, kReferenceRows, kRows);
  }
  EXPECT_NEAR(psi / psi_floor, 1, 0.15);
  EXPECT_NEAR(js / js_floor, 1, 0.15);
  EXPECT_NEAR(v / v_floor, 1, 0.15);
  EXPECT_NEAR(ks / kRounds / KolmogorovSmirnovNoise(kReferenceRows, kRows), 1, 0.15);
  EXPECT_NEAR(w1 / w1_floor, 1, 0.15);
}

TEST(NoiseFloor, OfASharesGrowthIsWhatUnchangedTrafficShows) {
  Random random(3);
  double grown = 0;
  for (int round = 0; round < 4000; ++round) {
    uint64_t before = 0;
    uint64_t now = 0;
    for (int i = 0; i < 500; ++i) before += random.Uniform() < 0.1;
    for (int i = 0; i < 200; ++i) now += random.Uniform() < 0.1;
    grown += std::max(0.0, static_cast<double>(now) / 200 - static_cast<double>(before) / 500);
  }
  EXPECT_NEAR(grown / 4000 / ShareNoise(0.1, 500, 200), 1, 0.1);
}

TEST(CoarseCells, JoinBinsToTenths) {
  const std::vector<double> before = Normals(1, 6000);
  const Shape shape = MakeNumericShape(before, 1, {});
  Summary reference(&shape);
  reference.CountNumbers(before, nullptr, {0, 6000});
  Summary window(&shape);
  window.CountNumbers(before, nullptr, {0, 3000});
  window.CountMissing(5);
  const CoarseCells cells = MakeCoarseCells(reference, window);
  ASSERT_EQ(cells.reference.size(), kCoarseBins + 4);
  for (uint32_t i = 0; i < kCoarseBins; ++i) EXPECT_EQ(cells.reference[i], 600u);
  EXPECT_EQ(Total(cells.window), 3005u);
  EXPECT_EQ(cells.window[kCoarseBins + 2], 5u);
}

TEST(CoarseCells, KeepAHeavyValueApart) {
  std::vector<double> before = Normals(1, 1000, 50);
  before.resize(10'000, 0.0);
  const Shape shape = MakeNumericShape(before, 1, {});
  Summary reference(&shape);
  reference.CountNumbers(before, nullptr, {0, 10'000});
  const CoarseCells cells = MakeCoarseCells(reference, reference);
  ASSERT_EQ(cells.reference.size(), 6u);
  EXPECT_EQ(cells.reference[0], 9000u);
  EXPECT_EQ(cells.reference[1], 1000u);
}

}  // namespace
}  // namespace faultline
