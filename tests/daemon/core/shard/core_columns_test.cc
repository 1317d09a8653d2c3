#include <gtest/gtest.h>

#include "tests/daemon/core/core_run.h"

namespace faultline::testing {
namespace {

constexpr const char* kByRows = R"(
  models { name: 'strict' pane { rows: 10 } reference { learn_rows: 20 } unknown_columns: 'reject' }
  defaults {
    pane { rows: 10 } window_panes: 3 reference { learn_rows: 20 }
    alert { fire_panes: 1 }
    columns { name: 'secret*' ignore: true }
    detectors { missing_rate { threshold: 0.5 rows_min: 10 } }
    detectors { unseen_category { threshold: 0.5 rows_min: 10 } }
  })";

std::vector<double> Ones(uint32_t rows) { return std::vector<double>(rows, 1); }

TEST(CoreColumnsTest, WrongTypeRefusesTheBatchAndNamesTheColumn) {
  CoreRun run(MakeSettings(kByRows));
  run.Apply(BatchMaker(5).Number("age", Ones(5)).Make());
  const BatchResult result =
      run.Apply(BatchMaker(2).Number("new", Ones(2)).String("age", {"a", "b"}).Make());
  EXPECT_EQ(result.batch_reason, v1::REJECT_REASON_TYPE);
  EXPECT_EQ(result.batch_error, "column age: expected numbers, got strings");
  EXPECT_EQ(result.rejected_rows, 2u);
  run.TakeCheckpoint();
  EXPECT_EQ(run.Snapshot()->totals.rejected_rows, 2u);
  EXPECT_EQ(run.Snapshot()->signals->signals.size(), 1u) << "a refused batch adds no signal";
}

TEST(CoreColumnsTest, WrongTypeInAPostRefusesTheRowsThatHaveIt) {
  CoreRun run(MakeSettings(kByRows));
  run.Apply(BatchMaker(5).Number("age", Ones(5)).Make());
  auto batch = BatchMaker(4).Number("new", Ones(4)).String("age", {"a", "b", "c", "d"}).Make();
  batch->source = Source::kHttp;
  batch->columns.back().nulls = {0b0101};
  const BatchResult result = run.Apply(std::move(batch));
  EXPECT_EQ(result.batch_reason, v1::REJECT_REASON_UNSPECIFIED);
  EXPECT_EQ(result.applied_rows, 2u);
  EXPECT_EQ(result.rejected_rows, 2u);
  EXPECT_EQ(result.rejected_by_reason[v1::REJECT_REASON_TYPE], 2u);
  EXPECT_EQ(result.rejected_by_reason[v1::REJECT_REASON_ID], 0u);
  ASSERT_EQ(result.row_errors.size(), 2u);
  EXPECT_EQ(result.row_errors[0].row(), 1u);
  EXPECT_EQ(result.row_errors[0].reason(), v1::REJECT_REASON_TYPE);
  EXPECT_EQ(result.row_errors[0].message(), "column age: expected numbers, got strings");
  EXPECT_EQ(result.row_errors[1].row(), 3u);
  run.TakeCheckpoint();
  EXPECT_EQ(run.Snapshot()->totals.rejected_rows, 2u);
  EXPECT_EQ(run.Snapshot()->totals.applied_rows, 7u);
}

TEST(CoreColumnsTest, UnknownColumnsAreLearntOrRefused) {
  CoreRun run(MakeSettings(kByRows));
  for (const std::string model : {"credit", "strict"}) {
    run.Apply(BatchMaker(30).Model(model).Number("age", Ones(30)).Make());
    const BatchResult result = run.Apply(
        BatchMaker(30).Model(model).Number("age", Ones(30)).Number("income", Ones(30)).Make());
    run.TakeCheckpoint();
    if (model == "strict") {
      EXPECT_EQ(result.batch_reason, v1::REJECT_REASON_UNKNOWN_COLUMN);
      EXPECT_EQ(run.Snapshot(model)->signals->signals.size(), 1u);
    } else {
      EXPECT_EQ(result.applied_rows, 30u);
      EXPECT_EQ(run.Signal("income").reference_rows, 20u);
      EXPECT_EQ(run.Signal("income").window_rows, 10u);
      EXPECT_EQ(run.Signal("age").window_rows, 30u);
    }
  }
}

TEST(CoreColumnsTest, ColumnThatStopsComingIsMissingThenCannotTell) {
  CoreRun run(MakeSettings(kByRows));
  run.Apply(BatchMaker(50).Number("age", Ones(50)).Number("income", Ones(50)).Make());
  run.Apply(BatchMaker(20).Number("age", Ones(20)).Make());
  run.TakeCheckpoint();
  EXPECT_DOUBLE_EQ(run.Signal("income").missing_ratio, 20.0 / 30);
  EXPECT_EQ(run.Signal("income").state, VerdictState::kAlarm);
  EXPECT_EQ(run.Signal("age").state, VerdictState::kQuiet);
  run.Apply(BatchMaker(10).Number("age", Ones(10)).Make());
  run.Restart();
  run.TakeCheckpoint();
  EXPECT_EQ(run.Signal("income").state, VerdictState::kCannotTell);
  EXPECT_EQ(run.Signal("income").missing, "column not sent");
  run.Apply(BatchMaker(30).Number("income", Ones(30)).Number("age", Ones(30)).Make());
  run.TakeCheckpoint();
  EXPECT_EQ(run.Signal("income").state, VerdictState::kQuiet);
}

TEST(CoreColumnsTest, IgnoredColumnsAreNoSignals) {
  CoreRun run(MakeSettings(kByRows));
  run.Apply(BatchMaker(30).Number("secret_age", Ones(30)).Number("age", Ones(30)).Make());
  run.TakeCheckpoint();
  EXPECT_EQ(run.Snapshot()->signals->signals.size(), 1u);
}

TEST(CoreColumnsTest, VectorsAreJudgedByTheirNorm) {
  CoreRun run(MakeSettings(kByRows));
  std::vector<float> vectors;
  for (int i = 0; i < 30; ++i) vectors.insert(vectors.end(), {3, 4});
  run.Apply(BatchMaker(30).Vector("embedding", vectors, 2).Missing({25}).Make());
  run.TakeCheckpoint();
  const SignalReading norm = run.Signal("embedding.norm");
  EXPECT_TRUE(norm.derived);
  EXPECT_EQ(norm.reference_rows, 20u);
  EXPECT_DOUBLE_EQ(norm.missing_ratio, 0.1);
  EXPECT_DOUBLE_EQ(norm.out_of_range_ratio, 0);  // All norms are 5.
  EXPECT_EQ(run.Signal("embedding").state, VerdictState::kCannotTell);
  const BatchResult result = run.Apply(BatchMaker(2).Number("embedding.norm", {1, 2}).Make());
  EXPECT_EQ(result.batch_reason, v1::REJECT_REASON_SCHEMA);
}

// Two columns that go together; then each keeps its distribution, but they no longer do.
class RowScores {
 public:
  static std::shared_ptr<const Settings> SettingsWith(const std::string& more) {
    return MakeSettings(R"(
      defaults { pane { rows: 50 } window_panes: 2 reference { learn_rows: 400 }
        alert { fire_panes: 1 }
        detectors { row_score { threshold: 0.3 rows_min: 50 } }
        detectors { psi {} } )" +
                        more + "}");
  }
  std::unique_ptr<EventBatch> Rows(uint32_t count, bool together) {
    std::vector<double> a(count), b(count);
    for (uint32_t i = 0; i < count; ++i) {
      a[i] = numbers_.Normal();
      b[i] = together ? a[i] + 0.05 * numbers_.Normal() : numbers_.Normal();
    }
    return BatchMaker(count).Number("a", a).Number("b", b).Make();
  }

 private:
  Numbers numbers_{3};
};

TEST(CoreColumnsTest, RowScoreIsASignalLikeAnyOther) {
  CoreRun run(RowScores::SettingsWith(""));
  RowScores rows;
  run.Apply(rows.Rows(500, true));
  run.TakeCheckpoint();
  EXPECT_EQ(run.Signal("row_score").state, VerdictState::kQuiet);
  EXPECT_EQ(run.Signal("row_score").reference_rows, 400u);
  EXPECT_EQ(run.Signal("row_score").window_rows, 100u);
  EXPECT_EQ(run.Signal("row_score").readings.size(), 2u);
  run.Restart();
  run.Apply(rows.Rows(100, false));
  run.TakeCheckpoint();
  EXPECT_EQ(run.Signal("row_score").state, VerdictState::kAlarm);
  EXPECT_NE(run.Signal("a").state, VerdictState::kAlarm);
}

// A column that comes later, when fewer rows are asked for, may learn its last row with the others:
// it has not seen the same rows.
TEST(CoreColumnsTest, RowsAreFittedOnlyForColumnsThatLearntTheSame) {
  const auto settings = [](const char* learn_rows) {
    return MakeSettings(std::string("defaults { pane { rows: 50 } reference { learn_rows: ") +
                        learn_rows + R"( } alarm_budget {} detectors { row_score {} }
        detectors { repeat_change {} } detectors { correlation_change { pairs_max: 3 } } })");
  };
  Numbers numbers(5);
  std::vector<double> a(500), b(500), late(500);
  for (size_t i = 0; i < a.size(); ++i) {
    a[i] = numbers.Normal();
    b[i] = a[i] + 0.1 * numbers.Normal();
    late[i] = a[i] + 0.1 * numbers.Normal();
  }
  const BatchMaker before = BatchMaker(500).Number("a", a).Number("b", b);
  CoreRun run(settings("400"));
  run.Apply(before.Rows(0, 150));
  run.Run(ApplySettings{settings("250")});
  run.Apply(BatchMaker(before).Number("late", late).Rows(150, 500));
  run.TakeCheckpoint();
  for (const char* signal : {"a", "b", "row_score"}) {
    EXPECT_EQ(run.Signal(signal).reference_rows, 400u) << signal;
  }
  EXPECT_EQ(run.Signal("late").reference_rows, 250u);
}

TEST(CoreColumnsTest, RowScoreDoesNotSeeIgnoredColumns) {
  CoreRun run(RowScores::SettingsWith(""));
  RowScores rows;
  run.Apply(rows.Rows(500, true));
  run.Run(ApplySettings{RowScores::SettingsWith("columns { name: 'b' ignore: true }")});
  run.Apply(rows.Rows(100, false));
  run.TakeCheckpoint();
  EXPECT_EQ(run.Signal("row_score").missing, "ignored by the configuration");
  EXPECT_TRUE(run.incidents().empty());
  run.Restart();
  EXPECT_EQ(run.Signal("row_score").missing, "ignored by the configuration");
}

TEST(CoreColumnsTest, AMillionDistinctCategoriesStayBounded) {
  CoreRun run(MakeSettings(R"(
    defaults { pane { rows: 10000 } window_panes: 5 reference { learn_rows: 1000 }
      columns { name: '*' distinct: true } })"));
  uint64_t largest = 0;
  for (uint32_t batch = 0; batch < 100; ++batch) {
    std::vector<std::string> values;
    for (uint32_t row = 0; row < 10'000; ++row) {
      values.push_back("category " + std::to_string(batch * 10'000 + row));
    }
    run.Apply(BatchMaker(10'000).String("word", values).Make());
    run.TakeCheckpoint();
    if (batch == 10) largest = run.shard().memory_bytes();
  }
  EXPECT_GT(largest, 0u);
  EXPECT_LE(run.shard().memory_bytes(), largest * 11 / 10);
  EXPECT_LT(run.shard().memory_bytes(), 1u << 20);
  EXPECT_DOUBLE_EQ(run.Signal("word").unseen_ratio, 1);
}

TEST(CoreColumnsTest, SentMissingValuesOfStringsAreMissing) {
  CoreRun run(MakeSettings(kByRows));
  std::vector<std::string> values(30, "a");
  values[29] = "b";
  run.Apply(BatchMaker(30).String("word", values).Missing({0, 1, 20, 21}).Make());
  run.TakeCheckpoint();
  EXPECT_DOUBLE_EQ(run.Signal("word").missing_ratio, 0.2);
  EXPECT_DOUBLE_EQ(run.Signal("word").unseen_ratio, 1.0 / 8);
}

}  // namespace
}  // namespace faultline::testing
