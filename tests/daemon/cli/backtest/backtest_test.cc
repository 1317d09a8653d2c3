#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "daemon/cli/backtest/backtest_report.h"
#include "daemon/cli/backtest/backtest_score.h"
#include "daemon/cli/backtest/backtest_trial.h"
#include "daemon/cli/backtest/backtest_windows.h"
#include "detectors/stats/conventions.h"
#include "detectors/stats/samples.h"
#include "tests/support/streams.h"

namespace faultline::cli {
namespace {

std::vector<BacktestAlarm> AlarmsAt(const std::vector<uint64_t>& rows) {
  std::vector<BacktestAlarm> alarms;
  alarms.reserve(rows.size());
  for (const uint64_t row : rows) alarms.push_back({row, "x", 0});
  return alarms;
}

TEST(BacktestScoreTest, AnAlarmBelongsToTheNewestChangeBeforeIt) {
  const std::vector<uint64_t> changes = {1'000, 2'000, 3'000};
  const BacktestScore score =
      ScoreAlarms(AlarmsAt({500, 1'000, 1'010, 2'150, 2'700}), changes, {100, 4'100}, 200);
  EXPECT_EQ(score.alarms, 5u);
  EXPECT_EQ(score.delays, (std::vector<uint64_t>{0, 150, BacktestScore::kMissed}));
  EXPECT_EQ(score.missed, 1u);
  EXPECT_EQ(score.false_alarms, 2u) << "before the first, and long after the second";
  EXPECT_EQ(score.quiet_rows, 4'000u - 3 * 201);
  EXPECT_DOUBLE_EQ(score.false_per_million(), 2e6 / 3'397);
  EXPECT_DOUBLE_EQ(score.mean_delay(), 75);
  EXPECT_DOUBLE_EQ(score.mean_time_ratio(), 3'397 / 2.0 / 75 * (2 / 3.0));
}

TEST(BacktestScoreTest, WithoutAHorizonAlarmsBelongToTheChangeUpToTheNext) {
  const std::vector<uint64_t> changes = {1'000, 2'000};
  const BacktestScore score = ScoreAlarms(AlarmsAt({999, 1'999, 3'999}), changes, {0, 4'000},
                                          BacktestReport::kToNextChange);
  EXPECT_EQ(score.delays, (std::vector<uint64_t>{999, 1'999}));
  EXPECT_EQ(score.false_alarms, 1u);
  EXPECT_EQ(score.quiet_rows, 1'000u);
}

TEST(BacktestScoreTest, NothingGivenNothingKnown) {
  const BacktestScore score = ScoreAlarms(AlarmsAt({7}), {}, {0, 10}, 5);
  EXPECT_EQ(score.false_alarms, 1u);
  EXPECT_DOUBLE_EQ(score.false_per_million(), 1e5);
  EXPECT_TRUE(std::isnan(score.mean_delay()));
  EXPECT_TRUE(std::isnan(score.mean_time_ratio()));
}

EventBatch BatchOf(std::span<const double> numbers) {
  EventBatch batch;
  Column column;
  column.name = "x";
  column.numbers.assign(numbers.begin(), numbers.end());
  batch.rows = static_cast<uint32_t>(numbers.size());
  batch.columns.push_back(std::move(column));
  return batch;
}

TEST(ClassicTrialTest, AlarmsWhereTheDetectorAloneDoes) {
  std::vector<double> values = testing::Normals(5, 2'000);
  for (size_t i = 1'000; i < values.size(); ++i) values[i] += 2;
  values[17] = std::numeric_limits<double>::quiet_NaN();
  const auto detector = *MakeSequence("adwin");
  std::vector<double> state(detector->state_bytes() / sizeof(double) + 1);
  const auto bytes = std::as_writable_bytes(std::span(state)).first(detector->state_bytes());
  detector->Start(bytes);
  std::vector<uint64_t> expected;
  for (size_t at = 0; at < values.size();) {
    const SequenceStep step = detector->Take(std::span(values).subspan(at), bytes);
    at += step.taken;
    if (step.report == SequenceReport::kChange) expected.push_back(at - 1);
  }
  ASSERT_FALSE(expected.empty());
  ClassicTrial trial({"adwin", "ddm"}, {});
  for (size_t at = 0; at < values.size(); at += 80) {
    trial.Take(BatchOf(std::span(values).subspan(at, 80)), at);
  }
  const std::vector<BacktestRule> rules = trial.rules();
  ASSERT_EQ(rules.size(), 2u);
  std::vector<uint64_t> rows;
  for (const BacktestAlarm& alarm : rules[0].alarms) rows.push_back(alarm.row);
  EXPECT_EQ(rows, expected);
  EXPECT_TRUE(rules[1].alarms.empty()) << "the column is not declared as errors";
}

TEST(WindowTrialTest, JudgesWholeWindowsOfEachColumnAsTheToolDoes) {
  const std::vector<double> reference = testing::Normals(5, 800);
  std::vector<double> live = testing::Normals(6, 1'050);
  for (size_t i = 500; i < live.size(); ++i) live[i] += 1;
  WindowTrial trial(WindowTrial::Names(), 100);
  for (size_t at = 0; at < reference.size(); at += 80) {
    trial.Learn(BatchOf(std::span(reference).subspan(at, 80)));
  }
  for (size_t at = 0; at < live.size(); at += 70) {
    trial.Take(BatchOf(std::span(live).subspan(at, 70)), 5'000 + at);
  }
  std::vector<BacktestAlarm> psi, ks, sagemaker;
  for (size_t at = 0; at + 100 <= live.size(); at += 100) {
    const auto window = std::span(live).subspan(at, 100);
    const BacktestAlarm alarm = {5'000 + at + 99, "x", 0};
    if (evidently::Psi(reference, window) > 0.2) psi.push_back(alarm);
    const auto sorted = [](std::span<const double> values) {
      std::vector<double> copy(values.begin(), values.end());
      std::sort(copy.begin(), copy.end());
      return copy;
    };
    const uint64_t steps = KolmogorovSmirnovSteps(sorted(reference), sorted(window));
    if (KolmogorovSmirnovExactPValue(steps, 800, 100) <= 0.05) ks.push_back(alarm);
    if (sagemaker::Robust(reference, window) > 0.1) sagemaker.push_back(alarm);
  }
  ASSERT_GE(sagemaker.size(), 5u);
  EXPECT_EQ(ks.size(), 5u) << "the five windows behind the change, and none of the unchanged";
  ASSERT_GT(psi.size(), sagemaker.size()) << "its cut knows nothing of how few rows a window has";
  for (const BacktestRule& rule : trial.rules()) {
    EXPECT_EQ(rule.run, "windows");
    // 800 reference rows: Evidently takes the same test as ks_0.05.
    const auto& expected = rule.name == "psi_0.2" ? psi : rule.name == "sagemaker" ? sagemaker : ks;
    if (rule.name == "nannyml") {
      EXPECT_GE(rule.alarms.size(), 5u);
    } else {
      EXPECT_EQ(rule.alarms, expected) << rule.name;
    }
  }
}

TEST(WindowTrialTest, CategoriesAndMissingValues) {
  testing::Random random(3);
  const auto batch = [&random](uint64_t of_ten) {
    EventBatch rows;
    rows.rows = 1'000;
    Column& column = rows.columns.emplace_back();
    column.name = "colour";
    column.type = ColumnType::kString;
    column.dictionary = {"red", "blue"};
    for (uint32_t i = 0; i < rows.rows; ++i) column.codes.push_back(random.Below(10) < of_ten);
    column.nulls.assign(16, 0xff);  // the first 8 of 64
    return rows;
  };
  WindowTrial trial({"evidently", "nannyml", "ks_0.05"}, 200);
  EXPECT_TRUE(trial.rules().empty()) << "no reference yet";
  trial.Learn(batch(3));
  trial.Take(batch(8), 1'000);
  const std::vector<BacktestRule> rules = trial.rules();
  ASSERT_EQ(rules.size(), 3u);
  std::vector<BacktestAlarm> every;
  for (uint64_t row = 1'199; row < 2'000; row += 200) every.push_back({row, "colour", 0});
  EXPECT_EQ(rules[0].alarms, every);
  EXPECT_EQ(rules[1].alarms, every);
  EXPECT_TRUE(rules[2].alarms.empty()) << "for numbers only";
}

TEST(BacktestReportTest, ShowsWhatTextFromElsewhereSays) {
  BacktestReport report;
  report.model = "<script>";
  report.span = {0, 1'000};
  report.changes = {500};
  report.rules = {
      {.run = "a", .name = "psi", .unbudgeted = true, .armed = true, .alarms = AlarmsAt({510})}};
  const std::string page = BacktestHtml(report);
  EXPECT_EQ(page.find("<script>"), std::string::npos);
  EXPECT_NE(page.find("&lt;script&gt;"), std::string::npos);
  EXPECT_NE(page.find("row 510"), std::string::npos);
  const std::string text = BacktestText(report, {.width = 120});
  EXPECT_NE(text.find("psi  "), std::string::npos) << text;
  report.rules.push_back({.run = "a", .name = "mute", .armed = false, .alarms = {}});
  EXPECT_NE(BacktestText(report, {.width = 120}).find("never an alarm: mute"), std::string::npos);
  const boost::json::object json = BacktestJson(report);
  const boost::json::value& rule = json.at("rules").as_array()[0];
  EXPECT_EQ(rule.at("delays").as_array()[0], 10);
  EXPECT_TRUE(rule.at("mean_time_ratio").is_null()) << "infinite: there is no false alarm";
  EXPECT_DOUBLE_EQ(rule.at("f1").as_double(), 0.5) << "ten rows are more than the margin";
}

}  // namespace
}  // namespace faultline::cli
