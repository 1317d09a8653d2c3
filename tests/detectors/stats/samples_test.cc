#include "detectors/stats/samples.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "detectors/stats/conventions.h"
#include "detectors/stats/distances.h"
#include "detectors/stats/null_band.h"
#include "detectors/stats/tables.h"
#include "tests/detectors/oracle_cases.h"
#include "tests/support/streams.h"

namespace faultline {
namespace {

using testing::Normals;
using testing::OracleCase;
using testing::Random;

std::vector<OracleCase> Cases(const std::string& name) {
  return testing::OracleCases("samples.txt", name);
}

// To 1e-12 of the value, or of 1 if that is more.
void ExpectSame(double ours, double theirs, const OracleCase& made, const char* what) {
  EXPECT_NEAR(ours, theirs, 1e-12 * std::max(1.0, std::fabs(theirs))) << what << " " << made.line;
}

std::vector<double> Sorted(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values;
}

TEST(Samples, EqualScipy) {
  for (const OracleCase& made : Cases("scipy")) {
    const std::vector<double> p = Sorted(made.Numbers("p"));
    const std::vector<double> q = Sorted(made.Numbers("q"));
    const uint64_t steps = KolmogorovSmirnovSteps(p, q);
    const double rows = static_cast<double>(p.size()) * static_cast<double>(q.size());
    ExpectSame(static_cast<double>(steps) / rows, made.Number("ks"), made, "ks");
    const double ks_p = KolmogorovSmirnovExactPValue(steps, p.size(), q.size());
    EXPECT_NEAR(ks_p / made.Number("ks_p"), 1, 1e-11) << made.line;
    const TestResult cvm = CramerVonMises(p, q);
    ExpectSame(cvm.statistic, made.Number("cvm"), made, "cvm");
    ExpectSame(cvm.p_value, made.Number("cvm_p"), made, "cvm_p");
    const TestResult ad = AndersonDarling(p, q);
    ExpectSame(ad.statistic, made.Number("ad"), made, "ad");
    ExpectSame(ad.p_value, made.Number("ad_p"), made, "ad_p");
    const TestResult mwu = MannWhitney(p, q);
    ExpectSame(mwu.statistic, made.Number("mwu"), made, "mwu");
    ExpectSame(mwu.p_value, made.Number("mwu_p"), made, "mwu_p");
    ExpectSame(Wasserstein(p, q), made.Number("wasserstein"), made, "wasserstein");
    ExpectSame(EnergyDistance(p, q), made.Number("energy"), made, "energy");
  }
}

TEST(Samples, EqualEvidently) {
  for (const OracleCase& made : Cases("evidently")) {
    const std::vector<double> p = made.Numbers("p");
    const std::vector<double> q = made.Numbers("q");
    ExpectSame(evidently::Psi(p, q), made.Number("psi"), made, "psi");
    ExpectSame(evidently::KullbackLeibler(p, q), made.Number("kl"), made, "kl");
    ExpectSame(evidently::JensenShannon(p, q), made.Number("js"), made, "js");
    ExpectSame(evidently::Hellinger(p, q), made.Number("hellinger"), made, "hellinger");
    ExpectSame(evidently::HellingerOfCategories(p, q), made.Number("hellinger_categories"), made,
               "hellinger_categories");
    ExpectSame(evidently::WassersteinNormed(p, q), made.Number("wasserstein"), made, "wasserstein");
    if (made.Has("chi_square")) {
      ExpectSame(evidently::ChiSquarePValue(p, q), made.Number("chi_square"), made, "chi_square");
    }
    if (made.Has("z")) ExpectSame(evidently::ProportionsPValue(p, q), made.Number("z"), made, "z");
  }
}

TEST(Samples, EqualNannyMl) {
  for (const OracleCase& made : Cases("nannyml")) {
    const std::vector<double> p = made.Numbers("p");
    const std::vector<double> q = made.Numbers("q");
    ExpectSame(nannyml::JensenShannon(p, q), made.Number("js"), made, "js");
    ExpectSame(nannyml::JensenShannonOfCategories(p, q), made.Number("js_categories"), made,
               "js_categories");
    // A leftover of a rounding error counts as a bin there, so the root of one can be off.
    EXPECT_NEAR(nannyml::Hellinger(p, q), made.Number("hellinger"), 1e-9) << made.line;
    ExpectSame(nannyml::KolmogorovSmirnov(p, q), made.Number("ks"), made, "ks");
    ExpectSame(nannyml::Wasserstein(p, q), made.Number("wasserstein"), made, "wasserstein");
    ExpectSame(nannyml::LInfinity(p, q), made.Number("l_infinity"), made, "l_infinity");
  }
  std::vector<double> p;
  std::vector<double> q;
  for (int64_t i = 0; i < 12'000; ++i) {
    p.push_back(static_cast<double>((i * 7919) % 20011) / 1000 - 3 + (i % 97 == 0 ? 5 : 0));
  }
  for (int64_t i = 0; i < 900; ++i) {
    q.push_back(static_cast<double>((i * 104729) % 15013) / 700 - 5);
  }
  const OracleCase large = Cases("nannyml_large").front();
  ExpectSame(nannyml::KolmogorovSmirnov(p, q), large.Number("ks"), large, "ks");
  ExpectSame(nannyml::Wasserstein(p, q), large.Number("wasserstein"), large, "wasserstein");
}

TEST(Tables, EqualScipyAndStatsmodels) {
  for (const OracleCase& made : Cases("table")) {
    const std::vector<uint64_t> p = made.Counts("p");
    const std::vector<uint64_t> q = made.Counts("q");
    for (const bool correction : {false, true}) {
      const std::string name = correction ? "corrected" : "plain";
      const TestResult chi = ChiSquareTable(p, q, correction);
      ExpectSame(chi.statistic, made.Number("chi_" + name), made, "chi");
      ExpectSame(chi.p_value, made.Number("chi_" + name + "_p"), made, "chi_p");
      const TestResult g = GTable(p, q, correction);
      ExpectSame(g.statistic, made.Number("g_" + name), made, "g");
      ExpectSame(g.p_value, made.Number("g_" + name + "_p"), made, "g_p");
    }
  }
  for (const OracleCase& made : Cases("fit")) {
    const std::vector<double> observed = made.Numbers("observed");
    const std::vector<double> expected = made.Numbers("expected");
    const TestResult chi = ChiSquareFit(observed, expected);
    ExpectSame(chi.statistic, made.Number("chi"), made, "chi");
    ExpectSame(chi.p_value, made.Number("chi_p"), made, "chi_p");
    const TestResult g = GFit(observed, expected);
    ExpectSame(g.statistic, made.Number("g"), made, "g");
    ExpectSame(g.p_value, made.Number("g_p"), made, "g_p");
  }
  for (const OracleCase& made : Cases("two_by_two")) {
    const std::vector<uint64_t> cell = made.Counts("cells");
    const TestResult fisher = FisherExact(cell[0], cell[1], cell[2], cell[3]);
    ExpectSame(fisher.statistic, made.Number("odds"), made, "odds");
    ExpectSame(fisher.p_value, made.Number("fisher_p"), made, "fisher_p");
    const TestResult z = ProportionsZ(cell[0], cell[0] + cell[1], cell[2], cell[2] + cell[3]);
    ExpectSame(z.statistic, made.Number("z"), made, "z");
    ExpectSame(z.p_value, made.Number("z_p"), made, "z_p");
  }
}

// Every score of raw values, for what holds for all of them.
struct RawScore {
  const char* name;
  double (*score)(std::span<const double> p, std::span<const double> q);
  bool symmetric;
  bool any_order = true;  // takes values in any order, else ascending ones
  double unit = 0;        // the score grows with the values' unit to this power
};
const RawScore kRawScores[] = {
    {"ks",
     [](auto p, auto q) {
       return static_cast<double>(KolmogorovSmirnovSteps(p, q)) / static_cast<double>(p.size()) /
              static_cast<double>(q.size());
     },
     true, false},
    {"cramer_von_mises", [](auto p, auto q) { return CramerVonMises(p, q).statistic; }, true,
     false},
    {"anderson_darling", [](auto p, auto q) { return AndersonDarling(p, q).statistic; }, true,
     false},
    {"mann_whitney_p", [](auto p, auto q) { return MannWhitney(p, q).p_value; }, true, false},
    {"wasserstein", Wasserstein, true, false, 1},
    {"energy", EnergyDistance, true, false, 0.5},
    {"evidently_psi", evidently::Psi, true},
    {"evidently_kl", evidently::KullbackLeibler, false},
    {"evidently_js", evidently::JensenShannon, true},
    {"evidently_hellinger", evidently::Hellinger, true},
    {"evidently_hellinger_categories", evidently::HellingerOfCategories, true},
    {"evidently_wasserstein", evidently::WassersteinNormed, false},
    {"nannyml_js", nannyml::JensenShannon, false},
    {"nannyml_js_categories", nannyml::JensenShannonOfCategories, true},
    {"nannyml_hellinger", nannyml::Hellinger, false},
    {"nannyml_ks", nannyml::KolmogorovSmirnov, true},
    {"nannyml_wasserstein", nannyml::Wasserstein, true, true, 1},
    {"nannyml_l_infinity", nannyml::LInfinity, true},
    {"sagemaker_simple", sagemaker::Simple, true},
    {"sagemaker_robust", sagemaker::Robust, true},
};

std::vector<double> Shuffled(std::vector<double> values, uint64_t seed) {
  Random random(seed);
  for (size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[random.Below(i)]);
  return values;
}

TEST(Samples, DoNotChangeWithOrderShiftOrScale) {
  const std::vector<double> p = Sorted(Normals(1, 300));
  const std::vector<double> q = Sorted(Normals(2, 200, 0.5, 1.2));
  const auto changed = [](std::vector<double> values, double shift, double scale) {
    for (double& value : values) value = value * scale + shift;
    return values;
  };
  for (const RawScore& raw : kRawScores) {
    const double score = raw.score(p, q);
    EXPECT_GT(score, 0) << raw.name;
    // By powers of two, so that no value is rounded.
    const double grown = score * std::pow(1024, raw.unit);
    EXPECT_NEAR(raw.score(changed(p, 0, 1024), changed(q, 0, 1024)) / grown, 1, 1e-12) << raw.name;
    EXPECT_NEAR(raw.score(changed(p, 8, 1), changed(q, 8, 1)) / score, 1, 1e-8) << raw.name;
    if (raw.any_order) {
      EXPECT_NEAR(raw.score(Shuffled(p, 3), Shuffled(q, 4)) / score, 1, 1e-12) << raw.name;
    }
    const double swapped = raw.score(q, p);
    EXPECT_EQ(std::fabs(swapped / score - 1) < 1e-12, raw.symmetric) << raw.name << swapped;
    EXPECT_NE(raw.score(p, p), score) << raw.name;
  }
}

TEST(Samples, AnswerEmptyAndConstantSides) {
  const std::vector<double> none;
  const std::vector<double> one = {3};
  const std::vector<double> same(50, 3.0);
  const std::vector<double> some = Sorted(Normals(1, 40));
  for (const RawScore& raw : kRawScores) {
    (void)raw.score(same, same);
    (void)raw.score(some, same);
    (void)raw.score(one, some);
  }
  EXPECT_TRUE(std::isnan(Wasserstein(none, some)));
  EXPECT_TRUE(std::isnan(EnergyDistance(some, none)));
  EXPECT_TRUE(std::isnan(CramerVonMises(one, some).p_value));
  EXPECT_TRUE(std::isnan(AndersonDarling(same, same).statistic));
  EXPECT_TRUE(std::isnan(MannWhitney(none, some).p_value));
  EXPECT_TRUE(std::isnan(evidently::Psi(none, some)));
  EXPECT_TRUE(std::isnan(nannyml::JensenShannon(some, none)));
  EXPECT_TRUE(std::isnan(KolmogorovSmirnovExactPValue(3, 0, 5)));
  EXPECT_EQ(KolmogorovSmirnovSteps(same, same), 0u);
  EXPECT_EQ(evidently::Psi(same, same), 0);
  EXPECT_EQ(Wasserstein(same, same), 0);
  const std::vector<uint64_t> rows = {5, 0};
  const std::vector<uint64_t> empty = {0, 0};
  EXPECT_TRUE(std::isnan(ChiSquareTable(rows, empty, false).p_value));
  EXPECT_EQ(ChiSquareTable(rows, rows, false).p_value, 1);
  EXPECT_EQ(ProportionsZ(0, 10, 0, 5).p_value, 1);
  EXPECT_EQ(FisherExact(0, 0, 3, 4).p_value, 1);
}

TEST(Samples, ValuesTooFarApartHaveNoScore) {
  std::vector<double> far = testing::Normals(3, 100);
  far[7] = 1.7e308;
  far[8] = -1.7e308;
  EXPECT_TRUE(HistogramBoundaries(far, BinRule::kSturges).empty());
  EXPECT_TRUE(std::isnan(evidently::Psi(far, far)));
  EXPECT_TRUE(std::isnan(evidently::JensenShannon(far, far)));
  EXPECT_TRUE(std::isnan(nannyml::JensenShannon(far, far)));
  std::vector<double> near(100, 0.0);
  for (size_t i = 0; i < near.size(); ++i) near[i] = static_cast<double>(i % 2) * 5e-324;
  EXPECT_EQ(HistogramBoundaries(near, BinRule::kSturges).size(), 2u) << "one bin, as numpy has it";
}

TEST(KolmogorovSmirnovExact, IsTheLawOfTheStatistic) {
  // All 3432 ways of dealing out 7 and 7 values, counted one by one.
  std::vector<double> counted(50, 0);
  for (uint32_t deal = 0; deal < (1u << 14); ++deal) {
    if (__builtin_popcount(deal) != 7) continue;
    int above = 0;
    int most = 0;
    for (int i = 0; i < 14; ++i) {
      above += ((deal >> i) & 1) != 0 ? 1 : -1;
      most = std::max(most, std::abs(above));
    }
    for (int steps = 0; steps <= 7 * most; ++steps) counted[static_cast<size_t>(steps)] += 1;
  }
  for (uint64_t steps = 0; steps < 50; ++steps) {
    EXPECT_NEAR(KolmogorovSmirnovExactPValue(steps, 7, 7), counted[steps] / 3432, 1e-14);
  }
  const uint64_t critical = KolmogorovSmirnovCriticalSteps(0.05, 40, 25);
  EXPECT_LE(KolmogorovSmirnovExactPValue(critical, 40, 25), 0.05);
  EXPECT_GT(KolmogorovSmirnovExactPValue(critical - 1, 40, 25), 0.05);
}

std::vector<uint64_t> Counted(Random& random, std::span<const double> shares, uint64_t rows) {
  std::vector<uint64_t> counts(shares.size());
  for (uint64_t i = 0; i < rows; ++i) {
    double at = random.Uniform();
    size_t cell = 0;
    while (cell + 1 < shares.size() && at >= shares[cell]) at -= shares[cell++];
    ++counts[cell];
  }
  return counts;
}

// Where the rules of thumb are wrong: few rows, uneven cells, a reference as small as the window.
TEST(NullBands, HoldAtAnySize) {
  const std::vector<double> shares = {0.4, 0.3, 0.2, 0.05, 0.03, 0.02};
  const CellScore scores[] = {
      Psi,       JensenShannonDistance, Hellinger, KullbackLeibler, TotalVariation,
      LInfinity, KolmogorovSmirnov};
  for (const auto& [n, m] : {std::pair<uint64_t, uint64_t>{60, 40}, {1000, 50}}) {
    for (const CellScore score : scores) {
      Random random(n);
      int above_95 = 0;
      int above_99 = 0;
      constexpr int kRounds = 400;
      for (int round = 0; round < kRounds; ++round) {
        const std::vector<uint64_t> p = Counted(random, shares, n);
        const std::vector<uint64_t> q = Counted(random, shares, m);
        const NullBand band = NullBandOf(score, p, q, 200);
        above_95 += score(p, q) > band.p95 ? 1 : 0;
        above_99 += score(p, q) > band.p99 ? 1 : 0;
        EXPECT_LE(band.median, band.p95);
      }
      EXPECT_LE(above_95, kRounds * 0.085);
      EXPECT_LE(above_99, kRounds * 0.03);
    }
  }
}

TEST(NullBands, OfTwoCellsAreHypergeometric) {
  // 20 of 100 rows are hits; the window has 30 rows. P(share differs by more than x) by Fisher.
  const std::vector<uint64_t> p = {14, 56};
  const std::vector<uint64_t> q = {6, 24};
  const NullBand band = NullBandOf(TotalVariation, p, q, 20'000);
  double chance_above = 0;
  double chance_all = 0;
  for (uint64_t hits = 0; hits <= 20; ++hits) {
    double chance = 1;
    for (uint64_t i = 0; i < hits; ++i) {
      chance *= static_cast<double>((20 - i) * (30 - i)) / static_cast<double>((i + 1) * (51 + i));
    }
    const double off =
        std::fabs(static_cast<double>(hits) / 30 - static_cast<double>(20 - hits) / 70);
    chance_all += chance;
    if (off > band.p95 + 1e-12) chance_above += chance;
  }
  EXPECT_LE(chance_above / chance_all, 0.055);
  EXPECT_TRUE(std::isnan(NullBandOf(Psi, p, std::vector<uint64_t>{0, 0}, 100).p95));
}

}  // namespace
}  // namespace faultline
