#include "daemon/runtime/shared_threads.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tests/daemon/core/core_run.h"

namespace faultline {
namespace {

using testing::BatchMaker;
using testing::CoreRun;
using testing::MakeSettings;
using testing::Numbers;

// How often each part was performed.
std::vector<int> Done(SharedThreads* helpers, uint32_t parts) {
  std::vector<std::atomic<int>> done(parts);
  helpers->Run(parts, [&](uint32_t part) { ++done[part]; });
  return {done.begin(), done.end()};
}

TEST(SharedThreadsTest, EveryPartIsDoneOnce) {
  for (const uint32_t threads : {0u, 1u, 3u}) {
    SharedThreads helpers(threads);
    for (const uint32_t parts : {0u, 1u, 2u, 1'000u}) {
      for (int again = 0; again < 50; ++again) {
        EXPECT_EQ(Done(&helpers, parts), std::vector<int>(parts, 1)) << threads;
      }
    }
  }
}

TEST(SharedThreadsTest, WhoComesWhileTheyHelpAnotherIsServedToo) {
  SharedThreads helpers(2);
  std::vector<std::thread> shards;
  for (int shard = 0; shard < 4; ++shard) {
    shards.emplace_back([&] {
      for (int i = 0; i < 200; ++i) {
        if (Done(&helpers, 64) != std::vector<int>(64, 1)) ADD_FAILURE();
      }
    });
  }
  for (std::thread& shard : shards) shard.join();
}

// Numbers and categories, some missing.
void Feed(uint32_t batch_rows, CoreRun* run) {
  constexpr uint32_t kRows = 6'000;
  Numbers numbers(5);
  BatchMaker maker(kRows);
  for (int signal = 0; signal < 20; ++signal) {
    std::vector<double> values(kRows);
    std::vector<std::string> words(kRows);
    for (uint32_t row = 0; row < kRows; ++row) {
      values[row] = numbers.Normal() + (row > 4'000 && signal == 3 ? 2 : 0);
      words[row] = "w" + std::to_string(numbers.Next(9));
    }
    maker.Number("x" + std::to_string(signal), values).Missing({1'000, 5'000});
    maker.String("c" + std::to_string(signal), words);
  }
  for (uint32_t row = 0; row < kRows; row += batch_rows) {
    run->Apply(maker.Rows(row, row + batch_rows));
  }
  run->TakeCheckpoint();
}

// Counts the tasks it hands on.
class CountedThreads final : public Parallel {
 public:
  void Run(uint32_t parts, absl::FunctionRef<void(uint32_t)> part) override {
    ++tasks;
    helpers_.Run(parts, part);
  }
  int tasks = 0;

 private:
  SharedThreads helpers_{3};
};

// Runs with and without help; gives the number of tasks.
int ExpectSameBytes(uint32_t batch_rows) {
  const auto settings = MakeSettings(R"(defaults {
    pane { rows: 500 } reference { learn_rows: 2000 }
    alarm_budget { false_alarms: 1 per: "100000 rows" } })");
  CoreRun alone(settings);
  Feed(batch_rows, &alone);
  CountedThreads helpers;
  CoreRun helped(settings);
  helped.shard().SetHelpers(&helpers);
  Feed(batch_rows, &helped);
  EXPECT_EQ(alone.stored(), helped.stored());
  EXPECT_EQ(alone.incidents().size(), 1u);
  EXPECT_EQ(alone.incidents().begin()->second.SerializeAsString(),
            helped.incidents().begin()->second.SerializeAsString());
  return helpers.tasks;
}

TEST(SharedThreadsTest, WhatIsStoredIsTheSameWithAndWithout) {
  // 4000 rows in panes of 500, of 40 signals and those that are derived.
  constexpr int kPanes = 8;
  EXPECT_EQ(ExpectSameBytes(1'000), 2 * kPanes) << "counting them and closing them";
  EXPECT_EQ(ExpectSameBytes(100), kPanes) << "batches of 100 rows are counted alone";
}

}  // namespace
}  // namespace faultline
