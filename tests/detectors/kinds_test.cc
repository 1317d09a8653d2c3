// What single kinds promise beyond the conformance suite.

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "detectors/evidence/reference_law.h"
#include "tests/detectors/play.h"
#include "tests/support/streams.h"

namespace faultline {
namespace {

using testing::Normals;
using testing::Numbers;
using testing::Play;
using testing::Random;
using testing::Rows;

v1::DetectorSpec Spec(const std::string& text) {
  v1::DetectorSpec spec;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &spec)) << text;
  return spec;
}

Verdict Last(const std::string& spec, const Rows& reference, const Rows& live) {
  Play play(Spec(spec), reference, {.pane_rows = live.size(), .window_panes = 1});
  return play.Run(live).back();
}

Rows Words(const std::vector<std::pair<std::string, int>>& counts) {
  Rows rows;
  for (const auto& [word, count] : counts) rows.words.insert(rows.words.end(), count, word);
  return rows;
}

TEST(ChiSquare, PValueIsRightOnUnchangedTraffic) {
  int below = 0;
  for (uint64_t round = 0; round < 400; ++round) {
    const Verdict verdict = Last("chi_square {}", Numbers(Normals(2 * round + 1, 4000)),
                                 Numbers(Normals(2 * round + 2, 1000)));
    below += verdict.p_value < 0.05;
  }
  EXPECT_GE(below, 8);  // expected 20 or a little more, deviation 4.4
  EXPECT_LE(below, 40);
}

TEST(KolmogorovSmirnov, PValueIsNeverTooSmall) {
  int below = 0;
  for (uint64_t round = 0; round < 400; ++round) {
    const Verdict verdict = Last("kolmogorov_smirnov {}", Numbers(Normals(2 * round + 1, 4000)),
                                 Numbers(Normals(2 * round + 2, 1000)));
    below += verdict.p_value < 0.05;
  }
  EXPECT_LE(below, 34);  // 20 and three deviations
}

TEST(Wasserstein, IsTheShiftInScales) {
  const Verdict verdict =
      Last("wasserstein { threshold: 0.1 }", Numbers(Normals(1, 20'000, 100, 5)),
           Numbers(Normals(2, 20'000, 102, 5)));
  EXPECT_NEAR(verdict.score, 0.4, 0.03);
  EXPECT_NEAR(verdict.effect_size, 0.4, 0.03);
  EXPECT_EQ(verdict.state, VerdictState::kAlarm);
}

TEST(MissingRate, IsTheGrowthOfTheShare) {
  Rows reference = Numbers(std::vector<double>(1000, 1.0));
  reference.missing.assign(1000, false);
  std::fill_n(reference.missing.begin(), 100, true);
  Rows live = Numbers(std::vector<double>(200, 1.0));
  live.missing.assign(200, false);
  std::fill_n(live.missing.begin(), 50, true);
  const Verdict verdict = Last("missing_rate { threshold: 0.1 }", reference, live);
  EXPECT_DOUBLE_EQ(verdict.score, 0.15);
  EXPECT_EQ(verdict.state, VerdictState::kAlarm);
  EXPECT_EQ(verdict.detail, "25 % of rows, 10 % in the reference");
  live.missing.assign(200, false);
  const Verdict better = Last("missing_rate { threshold: 0.1 }", reference, live);
  EXPECT_EQ(better.score, 0);
  EXPECT_DOUBLE_EQ(better.effect_size, -0.1);
  EXPECT_EQ(better.state, VerdictState::kQuiet);
}

TEST(MissingRate, JudgesAReferenceThatHasNoValueAtAll) {
  const std::vector<double> none(100, std::nan(""));
  EXPECT_EQ(Last("missing_rate { threshold: 0.1 }", Numbers(none), Numbers(none)).state,
            VerdictState::kQuiet);
  const Verdict psi = Last("psi { threshold: 0.1 }", Numbers(none), Numbers(none));
  EXPECT_EQ(psi.detail, "the reference has no usable value");
}

TEST(OutOfRange, NamesTheConstantThatWasLeft) {
  const Rows reference = Numbers(std::vector<double>(500, 0.00347));
  std::vector<double> values(100, 0.00347);
  EXPECT_EQ(Last("out_of_range { threshold: 0.01 }", reference, Numbers(values)).state,
            VerdictState::kQuiet);
  std::fill_n(values.begin(), 30, std::nextafter(0.00347, 1));
  const Verdict verdict = Last("out_of_range { threshold: 0.01 }", reference, Numbers(values));
  EXPECT_EQ(verdict.state, VerdictState::kAlarm);
  EXPECT_DOUBLE_EQ(verdict.score, 0.3);
  EXPECT_EQ(verdict.detail.find("left its constant reference value 0.00347"), 0u) << verdict.detail;
}

TEST(OutOfRange, CountsBothSides) {
  std::vector<double> values(100, 5.0);
  for (size_t i = 0; i < 10; ++i) values[i] = i < 6 ? -1 : 11;
  const Verdict verdict = Last("out_of_range { threshold: 0.05 }",
                               Numbers(testing::Uniforms(1, 1000, 0, 10)), Numbers(values));
  EXPECT_DOUBLE_EQ(verdict.score, 0.1);
  EXPECT_EQ(verdict.state, VerdictState::kAlarm);
}

TEST(UnseenCategory, NamesTheMostFrequentNewOnes) {
  const Rows reference = Words({{"cash", 300}, {"card", 200}});
  const Verdict verdict = Last("unseen_category { threshold: 0.05 }", reference,
                               Words({{"cash", 60}, {"coin", 5}, {"wire", 30}, {"gift", 5}}));
  EXPECT_DOUBLE_EQ(verdict.score, 0.4);
  EXPECT_EQ(verdict.detail, "unseen: wire, coin, gift");
}

TEST(FixedRule, ANoisyWindowCannotTellUnlessTheChangeIsPlain) {
  const Rows reference = Numbers(Normals(1, 40));
  const std::string spec = "psi { threshold: 0.1 }";
  const Verdict same = Last(spec, reference, Numbers(Normals(3, 100)));
  EXPECT_GE(same.score, 0.1);
  EXPECT_EQ(same.state, VerdictState::kCannotTell);
  EXPECT_EQ(same.detail.find("more rows: chance alone gives"), 0u) << same.detail;
  EXPECT_EQ(Last(spec, reference, Numbers(Normals(3, 100, 10))).state, VerdictState::kAlarm);
}

std::vector<VerdictState> States(const std::vector<Verdict>& verdicts) {
  std::vector<VerdictState> states;
  for (const Verdict& verdict : verdicts) states.push_back(verdict.state);
  return states;
}

TEST(PageHinkley, ASmallReferenceDoesNotMakeItCryWolf) {
  int alarms = 0;
  for (uint64_t round = 0; round < 40; ++round) {
    Play play(Spec("page_hinkley { threshold: 20 }"), Numbers(Normals(2 * round + 1, 200)),
              {.pane_rows = 64});
    for (const VerdictState state : States(play.Run(Numbers(Normals(2 * round + 2, 64'000))))) {
      alarms += state == VerdictState::kAlarm;
    }
  }
  EXPECT_EQ(alarms, 0);
}

TEST(PageHinkley, AnAlarmStandsWhileTheShiftDoesAndEndsSoonAfter) {
  for (const double shift : {0.2, 0.3, 0.5, 1.0, -2.0, 100.0}) {
    for (uint64_t seed = 1; seed <= 10; ++seed) {
      Play play(Spec("page_hinkley { threshold: 20 }"), Numbers(Normals(900 + seed, 10'000)),
                {.pane_rows = 256});
      Rows live = Numbers(Normals(seed, 25'600));
      live.Append(Numbers(Normals(seed + 100, 25'600, shift)));
      live.Append(Numbers(Normals(seed + 200, 25'600)));
      const std::vector<Verdict> verdicts = play.Run(live);
      for (const Verdict& verdict : verdicts) {
        EXPECT_EQ(verdict.state == VerdictState::kAlarm, verdict.score >= verdict.threshold);
      }
      const std::vector<VerdictState> states = States(verdicts);
      const auto first = std::find(states.begin(), states.end(), VerdictState::kAlarm);
      ASSERT_GE(first - states.begin(), 100) << shift << " " << seed;
      EXPECT_LE(first - states.begin(), 120) << shift << " " << seed;
      EXPECT_EQ(std::count(first, states.begin() + 200, VerdictState::kQuiet), 0) << shift;
      EXPECT_EQ(std::count(states.begin() + 215, states.end(), VerdictState::kAlarm), 0) << shift;
    }
  }
}

TEST(PageHinkley, OneLowerRunDoesNotTakeAnAlarmBelowItsThreshold) {
  Play play(Spec("page_hinkley { threshold: 20 }"), Numbers(Normals(1, 10'000)), {.pane_rows = 64});
  // Ten runs a third of a deviation off bring the sum just above 20; then the mean returns.
  const std::vector<Verdict> rising = play.Run(Numbers(std::vector<double>(640, 0.34)));
  ASSERT_EQ(rising.back().state, VerdictState::kAlarm);
  ASSERT_LT(rising.back().score, 21);
  for (int run = 0; run < 3; ++run) {
    const Verdict verdict = play.Run(Numbers(std::vector<double>(64, 0.0))).back();
    EXPECT_EQ(verdict.state, VerdictState::kAlarm);
    EXPECT_GE(verdict.score, 20);
  }
}

TEST(PageHinkley, ANewReferenceShapeStartsAfresh) {
  const Detector made = *MakeDetector(Spec("page_hinkley { threshold: 20 }"));
  std::vector<std::byte> state(made.follow->state_bytes());
  made.follow->Start(state);
  const std::vector<double> values = Normals(1, 1000);
  const std::vector<double> moved = Normals(2, 1000, 3);
  for (const uint32_t version : {1, 2}) {
    const Shape shape = MakeNumericShape(version == 1 ? values : moved, version, {});
    Summary reference(&shape);
    reference.CountNumbers(version == 1 ? values : moved, nullptr, {0, 1000});
    Summary pane(&shape);
    pane.CountNumbers(moved, nullptr, {0, 1000});
    const Verdict verdict =
        made.follow->Follow({.reference = reference, .law = {}, .pane = pane}, state);
    EXPECT_EQ(verdict.state, version == 1 ? VerdictState::kAlarm : VerdictState::kQuiet);
    EXPECT_EQ(verdict.rows, 1000u);
  }
}

// Two columns that share most of their chance.
Rows Pair(uint64_t seed, size_t count) {
  Random random(seed);
  Rows rows;
  rows.columns.resize(2);
  for (size_t i = 0; i < count; ++i) {
    const double common = random.Normal();
    rows.columns[0].push_back(10 + 2 * (0.8 * common + 0.6 * random.Normal()));
    rows.columns[1].push_back(-3 + 5 * (0.8 * common + 0.6 * random.Normal()));
  }
  return rows;
}

std::vector<RowColumn> ColumnsOf(const Rows& rows) {
  std::vector<RowColumn> columns;
  for (const std::vector<double>& column : rows.columns)
    columns.push_back({.signal = "", .numbers = column});
  return columns;
}

std::vector<double> Scores(const Rows& reference, const Rows& rows) {
  const Detector made = *MakeDetector(Spec("row_score {}"));
  std::vector<MadeSignal> signals;
  EXPECT_TRUE(made.transform->Fit(ColumnsOf(reference), reference.size(), &signals).ok());
  std::vector<double> scores(rows.size());
  made.transform->Derive(signals[0].fitted, ColumnsOf(rows), {0, rows.size()}, {}, scores);
  return scores;
}

TEST(RowScore, IsTheMahalanobisDistanceOfCleanRows) {
  const Rows rows = Pair(2, 500);
  const std::vector<double> scores = Scores(Pair(1, 50'000), rows);
  for (size_t i = 0; i < scores.size(); ++i) {
    const double x = (rows.columns[0][i] - 10) / 2;
    const double y = (rows.columns[1][i] + 3) / 5;
    const double truth = (x * x - 2 * 0.64 * x * y + y * y) / (1 - 0.64 * 0.64);
    EXPECT_NEAR(scores[i], std::sqrt(truth / 2), 0.05 + 0.05 * std::sqrt(truth));
  }
}

TEST(RowScore, OutliersInTheReferenceHardlyMatter) {
  Rows reference = Pair(1, 20'000);
  const Rows rows = Pair(2, 100);
  const std::vector<double> before = Scores(reference, rows);
  for (size_t i = 0; i < 100; ++i) {
    reference.columns[0][200 * i] = 1e9;
    reference.columns[1][200 * i] = -1e9;
  }
  const std::vector<double> after = Scores(reference, rows);
  for (size_t i = 0; i < rows.size(); ++i) EXPECT_NEAR(after[i], before[i], 0.15 * before[i] + 0.1);
}

TEST(RowScore, DoesNotDependOnUnits) {
  Rows reference = Pair(1, 2000);
  Rows rows = Pair(2, 100);
  const std::vector<double> before = Scores(reference, rows);
  for (Rows* either : {&reference, &rows}) {
    for (double& x : either->columns[0]) x = 1e6 + 1000 * x;
  }
  const std::vector<double> after = Scores(reference, rows);
  for (size_t i = 0; i < rows.size(); ++i) EXPECT_NEAR(after[i], before[i], 1e-6);
}

TEST(RowScore, MissingIsNoDeviationAndAnEmptyRowHasNoScore) {
  const double kNan = std::nan("");
  Rows rows;
  rows.columns = {{10, kNan, kNan, INFINITY}, {kNan, -3, kNan, -3}};
  const std::vector<double> scores = Scores(Pair(1, 50'000), rows);
  EXPECT_NEAR(scores[0], 0, 0.02);
  EXPECT_NEAR(scores[1], 0, 0.02);
  EXPECT_TRUE(std::isnan(scores[2]));
  EXPECT_GT(scores[3], 1e5);
  EXPECT_TRUE(std::isfinite(scores[3]));
}

TEST(RowScore, RefusesWhatItCannotLearnFrom) {
  const Detector made = *MakeDetector(Spec("row_score { features_max: 2 }"));
  const std::vector<double> few(99, 1.0);
  const std::vector<double> constant(200, 1.0);
  const auto fit = [&](std::vector<std::vector<double>> columns) {
    Rows rows;
    rows.columns = std::move(columns);
    std::vector<MadeSignal> signals;
    return std::string(made.transform->Fit(ColumnsOf(rows), rows.size(), &signals).message());
  };
  EXPECT_EQ(fit({few, few}), "row_score needs 1 more reference rows");
  EXPECT_EQ(fit({constant}), "row_score needs 2 to 2 columns, got 1");
  EXPECT_EQ(fit({constant, constant}), "row_score: no column varies in the reference rows");
}

TEST(RowScore, ForeignBytesGiveNoScore) {
  const Detector made = *MakeDetector(Spec("row_score {}"));
  const Rows rows = Pair(1, 200);
  const std::vector<RowColumn> columns = ColumnsOf(rows);
  std::vector<MadeSignal> signals;
  ASSERT_TRUE(made.transform->Fit(columns, 200, &signals).ok());
  const std::string& fitted = signals[0].fitted;
  Random random(4);
  for (size_t size = 0; size <= fitted.size(); ++size) {
    std::string bytes = size < fitted.size() ? fitted.substr(0, size) : fitted + "x";
    std::vector<double> part(200, 0.0);
    made.transform->Derive(bytes, columns, {10, 190}, {}, part);
    EXPECT_TRUE(std::isnan(part[10]) && std::isnan(part[189])) << size;
    EXPECT_EQ(part[9] + part[190], 0) << "outside its range";
  }
  std::vector<double> scores(200, 0.0);
  made.transform->Derive(fitted, std::span(columns).first(1), {0, 200}, {}, scores);
  EXPECT_TRUE(std::isnan(scores[0])) << "fitted to two columns";
  for (int round = 0; round < 300; ++round) {
    std::string damaged = fitted;
    damaged[random.Below(damaged.size())] = static_cast<char>(random.Bits());
    made.transform->Derive(damaged, columns, {0, 200}, {}, scores);
  }
}

}  // namespace
}  // namespace faultline
