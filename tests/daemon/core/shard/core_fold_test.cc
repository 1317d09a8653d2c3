// State is a fold over what came in: wherever checkpoints fall, and whether or not the core was
// restored in between, the same bytes are stored in the end.
#include <gtest/gtest.h>

#include <functional>

#include "storage/tables/keys.h"
#include "tests/daemon/core/core_run.h"

namespace faultline::testing {
namespace {

// Every kind of detector, every kind of summary.
std::string Config(const std::string& pane) {
  return "defaults { pane { " + pane + R"( }
    window_panes: 5 reference { learn_rows: 300 } idle_close: "1h"
    alert { fire_panes: 2 resolve_panes: 2 }
    columns { name: "income" quantiles: true distinct: true }
    columns { name: "region" distinct: true }
    detectors { psi { threshold: 0.6 rows_min: 50 } }
    detectors { jensen_shannon {} }
    detectors { kolmogorov_smirnov { threshold: 0.4 rows_min: 50 } }
    detectors { wasserstein {} }
    detectors { chi_square {} }
    detectors { missing_rate { threshold: 0.5 } }
    detectors { invalid_rate {} }
    detectors { out_of_range { threshold: 0.2 } }
    detectors { unseen_category { threshold: 0.1 } }
    detectors { page_hinkley { threshold: 20 } }
    detectors { row_score { threshold: 0.3 } }
  })";
}

constexpr uint32_t kRows = 4'000;

// Rows of a stream that goes wrong for a while: shifts, new categories, gaps, a column that comes
// late, rows out of order, late and refused ones.
BatchMaker Stream(uint64_t seed, uint32_t rows = kRows) {
  Numbers numbers(seed);
  std::vector<double> age, income, constant(rows, 7), late;
  std::vector<std::string> region;
  std::vector<float> vectors;
  std::vector<int64_t> times;
  std::vector<uint32_t> missing, refused, absent;
  for (uint32_t row = 0; row < rows; ++row) {
    const bool wrong = row > rows / 2 && row < rows * 3 / 4;
    age.push_back(numbers.Normal() + (wrong ? 4 : 0));
    income.push_back(numbers.Normal() * (wrong ? 3 : 1) * 1000);
    if (wrong && row % 3 == 0) constant[row] = 8;
    late.push_back(numbers.Uniform());
    region.push_back((wrong && row % 5 == 0 ? "new" : "r") + std::to_string(numbers.Next(40)));
    for (int i = 0; i < 3; ++i) vectors.push_back(static_cast<float>(numbers.Normal()));
    const int64_t back = numbers.Next(10) == 0 ? static_cast<int64_t>(numbers.Next(40)) : 0;
    times.push_back(kStart + (row / 2 - back) * kSecond + (row > rows / 3 ? 500 : 0) * kSecond);
    if (numbers.Next(20) == 0 || (wrong && row % 4 == 0)) missing.push_back(row);
    if (numbers.Next(50) == 0) refused.push_back(row);
    if (numbers.Next(200) == 0) times.back() = kSecond;
  }
  BatchMaker maker(rows);
  maker.Number("age", age).Missing(missing).Number("income", income).Number("constant", constant);
  maker.String("region", region).Vector("embedding", vectors, 3).Number("late", late);
  return maker.Times(times).Refused(refused).ReceivedAt(kStart + 100'000 * kSecond);
}

// Sends a stream in batches of random size; `late` is in batches from the middle on only.
void Send(const BatchMaker& stream, uint64_t seed, CoreRun* run,
          const std::function<void(uint32_t row)>& between) {
  Numbers numbers(seed);
  for (uint32_t row = 0; row < kRows;) {
    uint32_t end = std::min<uint32_t>(kRows, row + 1 + static_cast<uint32_t>(numbers.Next(120)));
    if (row < 1'500) end = std::min<uint32_t>(end, 1'500);
    auto batch = stream.Rows(row, end);
    if (row < 1'500) batch->columns.pop_back();
    run->Apply(std::move(batch));
    row = end;
    between(row);
  }
  run->TakeCheckpoint();
}

std::string Difference(const std::map<std::string, std::string>& a,
                       const std::map<std::string, std::string>& b) {
  std::string text;
  for (const auto& [key, value] : a) {
    const auto other = b.find(key);
    if (other == b.end()) {
      text += "only in the first: " + DescribeKey(key) + "\n";
    } else if (other->second != value) {
      text += "differs: " + DescribeKey(key) + "\n";
    }
  }
  for (const auto& [key, value] : b) {
    if (!a.contains(key)) text += "only in the second: " + DescribeKey(key) + "\n";
  }
  return text;
}

class CoreFoldTest : public ::testing::TestWithParam<const char*> {};

TEST_P(CoreFoldTest, CheckpointsAndRestartsLeaveNoTrace) {
  const auto settings = MakeSettings(Config(GetParam()));
  const BatchMaker stream = Stream(11);
  CoreRun plain(settings);
  Send(stream, 5, &plain, [](uint32_t) {});
  // The stream is worth it: alerts came and went, everything is there to be stored.
  ASSERT_GE(plain.incidents().size(), 1u);
  ASSERT_GT(plain.Snapshot()->totals.late_rows + plain.Snapshot()->totals.rejected_rows, 0u);
  ASSERT_EQ(plain.Signal("row_score").reference_rows, 300u);
  ASSERT_EQ(CountKeys(plain.stored(), 'd'), 1u);
  ASSERT_GE(CountKeys(plain.stored(), 'o'), 1u);
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    CoreRun divided(settings);
    Numbers numbers(seed);
    Send(stream, 5, &divided, [&](uint32_t) {
      if (numbers.Next(3) == 0) divided.TakeCheckpoint();
      if (numbers.Next(8) == 0) divided.Restart();
    });
    ASSERT_EQ(Difference(plain.stored(), divided.stored()), "") << "seed " << seed;
    ASSERT_EQ(plain.incidents().size(), divided.incidents().size());
    EXPECT_EQ(plain.Snapshot()->totals, divided.Snapshot()->totals);
  }
}

TEST_P(CoreFoldTest, RestartsAtEveryBatchOfTheLearningPhase) {
  const auto settings = MakeSettings(Config(GetParam()));
  const BatchMaker stream = Stream(12);
  CoreRun plain(settings), divided(settings);
  Numbers sizes(3);
  for (uint32_t row = 0; row < 400;) {
    const uint32_t end = row + 1 + static_cast<uint32_t>(sizes.Next(30));
    plain.Apply(stream.Rows(row, end));
    divided.Apply(stream.Rows(row, end));
    divided.Restart();
    row = end;
    if (row < 200) {
      plain.TakeCheckpoint();
      ASSERT_EQ(Difference(plain.stored(), divided.stored()), "") << "after row " << row;
      ASSERT_GE(CountKeys(divided.stored(), 'l'), 1u);
    }
  }
  plain.TakeCheckpoint();
  divided.TakeCheckpoint();
  EXPECT_EQ(Difference(plain.stored(), divided.stored()), "");
  EXPECT_EQ(CountKeys(divided.stored(), 'l'), 0u);
}

TEST_P(CoreFoldTest, SizesOfBatchesLeaveNoTrace) {
  const auto settings = MakeSettings(Config(GetParam()));
  const BatchMaker stream = Stream(13);
  CoreRun first(settings), second(settings);
  Send(stream, 1, &first, [](uint32_t) {});
  Send(stream, 2, &second, [](uint32_t) {});
  EXPECT_EQ(Difference(first.stored(), second.stored()), "");
}

TEST_P(CoreFoldTest, CommandsBetweenCheckpoints) {
  const auto settings = MakeSettings(Config(GetParam()));
  const BatchMaker stream = Stream(14);
  const BatchMaker import = Stream(15, 500);
  const auto drive = [&](CoreRun* run, uint64_t seed) {
    Numbers numbers(seed);
    uint32_t step = 0;
    Send(stream, 9, run, [&](uint32_t row) {
      ++step;
      if (step == 20) {
        InstallReference install{"credit", "1", {}};
        install.rows.push_back(import.Rows(0, 200));
        install.rows.push_back(import.Rows(200, 500));
        EXPECT_TRUE(run->Run(std::move(install)).status.ok());
      }
      if (step == 40) {
        EXPECT_TRUE(run->Run(RelearnReference{"credit", "1"}).status.ok());
      }
      if (step == 50) run->Run(RecordDeploy{"credit", "1", "note"});
      if (step == 52) run->Run(SilenceModel{"credit", kStart + 10, "why"}, kStart);
      if (seed == 0) return;
      if (numbers.Next(2) == 0) run->TakeCheckpoint();
      if (numbers.Next(6) == 0 && row > 0) run->Restart();
    });
  };
  CoreRun plain(settings);
  drive(&plain, 0);
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    CoreRun divided(settings);
    drive(&divided, seed);
    ASSERT_EQ(Difference(plain.stored(), divided.stored()), "") << "seed " << seed;
  }
}

// A signal may come with rows that are all refused: the open pane is written again all the same.
TEST_P(CoreFoldTest, NewSignalWithoutRows) {
  const auto settings = MakeSettings(Config(GetParam()));
  CoreRun plain(settings), divided(settings);
  for (CoreRun* run : {&plain, &divided}) {
    run->Apply(BatchMaker(309, kStart, 0).Number("age", std::vector<double>(309, 1)).Make());
    if (run == &divided) run->TakeCheckpoint();
    const BatchResult result = run->Apply(BatchMaker(1, kSecond).Number("income", {1}).Make());
    EXPECT_EQ(result.rejected_rows, 1u);
    run->TakeCheckpoint();
  }
  ASSERT_EQ(CountKeys(plain.stored(), 'o'), 1u);
  EXPECT_EQ(Difference(plain.stored(), divided.stored()), "");
}

TEST_P(CoreFoldTest, TwoProducersInAnyOrderGiveTheSameCounts) {
  const auto settings = MakeSettings(Config(GetParam()));
  const BatchMaker one = Stream(16), two = Stream(17);
  ModelTotals totals[2];
  for (uint64_t seed : {0, 1}) {
    CoreRun run(settings);
    Numbers numbers(seed + 21);
    uint32_t sent[2] = {0, 0};
    while (sent[0] < 2'000 || sent[1] < 2'000) {
      const size_t turn = sent[0] >= 2'000 || (sent[1] < 2'000 && numbers.Next(2) == 0) ? 1 : 0;
      run.Apply((turn == 0 ? one : two).Rows(sent[turn], sent[turn] + 50));
      sent[turn] += 50;
      if (numbers.Next(10) == 0) run.Restart();
    }
    run.TakeCheckpoint();
    totals[seed] = run.Snapshot()->totals;
  }
  for (ModelTotals& total : totals) {
    EXPECT_EQ(total.applied_rows + total.late_rows + total.rejected_rows, 4'000u);
  }
  EXPECT_EQ(totals[0].rejected_rows, totals[1].rejected_rows);
}

INSTANTIATE_TEST_SUITE_P(Panes, CoreFoldTest,
                         ::testing::Values("rows: 64", "rows: 10", "length: '30s'"));

}  // namespace
}  // namespace faultline::testing
