#include "detectors/stats/scoring.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "tests/detectors/oracle_cases.h"

// The scores of the field against their published formulas, and against rows that NAB published.

namespace faultline {
namespace {

using testing::OracleCase;
using testing::OracleCases;
using Rows = std::vector<uint64_t>;
using Lists = std::vector<Rows>;

double Sigmoid(double x) { return 2 / (1 + std::exp(5 * x)) - 1; }

TEST(Nab, EarlyInAWindowIsWorthMoreAndOnlyTheFirstCounts) {
  const std::vector<RowSpan> windows = {{1'000, 1'100}};
  EXPECT_DOUBLE_EQ(NabPoints(Rows{1'000}, windows, 5'000), 1);
  EXPECT_DOUBLE_EQ(NabPoints(Rows{1'050}, windows, 5'000), Sigmoid(-0.5) / Sigmoid(-1));
  EXPECT_DOUBLE_EQ(NabPoints(Rows{1'050, 1'051, 1'099}, windows, 5'000),
                   Sigmoid(-0.5) / Sigmoid(-1));
  EXPECT_DOUBLE_EQ(NabPoints(Rows{}, windows, 5'000), -1);
}

TEST(Nab, FalseAlarmsCostLessCloseBehindAWindow) {
  const std::vector<RowSpan> windows = {{1'000, 1'100}};
  EXPECT_DOUBLE_EQ(NabPoints(Rows{999}, windows, 5'000), -1 - 0.11);
  EXPECT_DOUBLE_EQ(NabPoints(Rows{1'110}, windows, 5'000), -1 + 0.11 * Sigmoid(11 / 99.0));
  EXPECT_DOUBLE_EQ(NabPoints(Rows{2'000}, windows, 5'000), -1 - 0.11);
  EXPECT_DOUBLE_EQ(NabPoints(Rows{749}, windows, 5'000), -1) << "probation";
  EXPECT_DOUBLE_EQ(NabPoints(Rows{750}, windows, 5'000), -1 - 0.11);
  EXPECT_EQ(NabProbation(1'000), 150u);
}

TEST(Nab, NeverIsZeroAndPerfectIsHundred) {
  EXPECT_DOUBLE_EQ(NabScore(-7, 7), 0);
  EXPECT_DOUBLE_EQ(NabScore(7, 7), 100);
  EXPECT_DOUBLE_EQ(NabScore(-14, 7, kNabRewardLowMisses), 0);
  EXPECT_TRUE(std::isnan(NabScore(-1, 0)));
}

// Rows of alarms and windows, and the points, as NAB published them for one of its detectors.
TEST(Nab, EqualsThePublishedScoreOfAll58Files) {
  const std::pair<const char*, NabProfile> profiles[] = {
      {"standard", kNabStandard},
      {"reward_low_FP_rate", kNabRewardLowFalseAlarms},
      {"reward_low_FN_rate", kNabRewardLowMisses}};
  const std::vector<OracleCase> files = OracleCases("nab.txt", "file");
  EXPECT_EQ(files.size(), 58u);
  const OracleCase total = OracleCases("nab.txt", "total").front();
  for (const auto& [name, profile] : profiles) {
    double points = 0;
    uint64_t count = 0;
    for (const OracleCase& file : files) {
      const Rows edges = file.Counts("windows");
      std::vector<RowSpan> windows;
      for (size_t i = 0; i < edges.size(); i += 2) windows.push_back({edges[i], edges[i + 1]});
      const double ours =
          NabPoints(file.Counts("alarms"), windows, file.Counts("rows")[0], profile);
      // Published to 12 digits.
      EXPECT_NEAR(ours, file.Number(name), 1e-11 * std::max(1.0, std::fabs(ours)))
          << name << " " << file.line;
      points += ours;
      count += windows.size();
    }
    EXPECT_EQ(count, 116u);
    EXPECT_NEAR(NabScore(points, count, profile), total.Number(name), 1e-10) << name;
  }
}

// file -> windows as pairs of times.
using Times = std::map<std::string, std::vector<std::string>>;
Times ReadWindows(const std::string& path) {
  Times windows;
  std::ifstream in(path);
  std::string file;
  for (std::string line; std::getline(in, line);) {
    const size_t quote = line.find('"');
    if (quote == std::string::npos) continue;
    const std::string text = line.substr(quote + 1, line.find('"', quote + 1) - quote - 1);
    if (line.find(':', line.find('"', quote + 1)) != std::string::npos) {
      file = text;
    } else {
      windows[file].push_back(text.substr(0, 19));
    }
  }
  return windows;
}

struct ScoredFile {
  std::vector<std::string> times;
  Rows alarms;
  double points = 0;  // as published
};

TEST(Nab, EqualsThePublishedPointsOfWindowedGaussian) {
  const std::string folder = FAULTLINE_SOURCE_DIR "/../shared/data/nab/";
  const std::string path = folder + "scorer_oracle_windowedGaussian.csv.gz";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no " << path;
  std::map<std::string, ScoredFile> files;
  gzFile in = gzopen(path.c_str(), "rb");
  char line[512];
  gzgets(in, line, sizeof(line));  // the header
  while (gzgets(in, line, sizeof(line)) != nullptr) {
    const std::string text = line;
    const size_t first = text.find(',');
    const size_t second = text.find(',', first + 1);
    ScoredFile& file = files[text.substr(0, first)];
    file.times.push_back(text.substr(first + 1, second - first - 1));
    char* end = nullptr;
    const double score = std::strtod(text.c_str() + second + 1, &end);
    if (score >= 1) file.alarms.push_back(file.times.size() - 1);  // the published threshold
    file.points += std::strtod(end + 1, nullptr);
  }
  gzclose(in);
  ASSERT_EQ(files.size(), 35u);
  Times times = ReadWindows(folder + "windows.json");
  double points = 0;
  uint64_t count = 0;
  for (const auto& [name, file] : files) {
    std::vector<RowSpan> windows;
    const auto row = [&all = file.times](const std::string& time) {
      return static_cast<uint64_t>(std::find(all.begin(), all.end(), time) - all.begin());
    };
    for (size_t i = 0; i + 1 < times[name].size(); i += 2) {
      windows.push_back({row(times[name][i]), row(times[name][i + 1]) + 1});
    }
    const double ours = NabPoints(file.alarms, windows, file.times.size());
    EXPECT_NEAR(ours, file.points, 1e-9) << name;
    points += ours;
    count += windows.size();
  }
  EXPECT_EQ(count, 50u);
  EXPECT_NEAR(NabScore(points, count), 37.050027556, 1e-8);
}

// Expected values: the metrics of TCPDBench in another language; the first three of each are the
// examples of its documentation.
TEST(ChangePoints, F1AsPublished) {
  EXPECT_DOUBLE_EQ(ChangePointF1(Lists{{10, 20}, {11, 20}, {10}, {0, 5}}, Rows{10, 20}), 1);
  EXPECT_DOUBLE_EQ(ChangePointF1(Lists{{}, {10}, {50}}, Rows{10}), 0.9090909090909091);
  EXPECT_DOUBLE_EQ(ChangePointF1(Lists{{}, {10}, {50}}, Rows{}), 0.8);
  EXPECT_DOUBLE_EQ(ChangePointF1(Lists{{20, 22, 40}, {21}, {100, 106}}, Rows{17, 25, 60, 103}),
                   0.8027681660899653);
}

TEST(ChangePoints, CoverAsPublished) {
  EXPECT_DOUBLE_EQ(ChangePointCover(Lists{{10, 20}, {10}, {0, 5}}, Rows{10, 20}, 45),
                   0.7962962962962963);
  EXPECT_DOUBLE_EQ(ChangePointCover(Lists{{}, {10}, {40}}, Rows{10}, 45), 0.7954144620811286);
  EXPECT_DOUBLE_EQ(ChangePointCover(Lists{{}, {10}, {40}}, Rows{}, 45), 0.8189300411522634);
  EXPECT_DOUBLE_EQ(
      ChangePointCover(Lists{{20, 22, 40}, {21}, {100, 106}}, Rows{17, 25, 60, 103}, 140),
      0.4717463282320207);
}

TEST(ChangePoints, OddInputHasADefinedAnswer) {
  EXPECT_TRUE(std::isnan(ChangePointF1({}, Rows{1})));
  EXPECT_TRUE(std::isnan(ChangePointCover(Lists{{1}}, Rows{1}, 0)));
  EXPECT_DOUBLE_EQ(ChangePointCover(Lists{{}}, Rows{99}, 10), 1) << "beyond the end";
}

TEST(Points, RatesAreThoseOfTheTableOfFour) {
  PointCounts counts;
  for (int i = 0; i < 10; ++i) counts.Add(i < 4, i < 3 || i == 9);
  EXPECT_EQ(counts.true_alarms, 3u);
  EXPECT_EQ(counts.false_alarms, 1u);
  EXPECT_DOUBLE_EQ(counts.f1(), 3 / (3 + 0.5 * (1 + 1)));
  EXPECT_DOUBLE_EQ(counts.false_alarm_rate(), 1 / 6.0);
  EXPECT_DOUBLE_EQ(counts.missed_rate(), 1 / 4.0);
}

// Rows of the unsupervised drift benchmark of DFKI: SPLL on two streams, BNDM on one.
TEST(MeanTimeRatioTest, AsPublished) {
  EXPECT_NEAR(MeanTimeRatio(26'788, 12, 1), 2'232, 0.5);
  EXPECT_NEAR(MeanTimeRatio(12'727, 123, 1), 104, 0.6);
  EXPECT_NEAR(MeanTimeRatio(4'927, 146, 1), 34, 0.5);
  EXPECT_DOUBLE_EQ(MeanTimeRatio(4'000, 100, 0.25), 10);
  EXPECT_EQ(MeanTimeRatio(1'000, std::nan(""), 0), 0);
  EXPECT_TRUE(std::isinf(MeanTimeRatio(INFINITY, 10, 1)));
}

}  // namespace
}  // namespace faultline
