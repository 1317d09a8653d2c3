#include <gtest/gtest.h>

#include "tests/daemon/core/core_run.h"
#include "tests/support/counting_new.h"

namespace faultline::testing {
namespace {

// The path of a row takes no memory.
TEST(CoreAllocationTest, ApplyTakesNoMemoryOnceWarm) {
  if (!AllocationsSoFar().has_value()) GTEST_SKIP() << "sanitizers take memory of their own";
  Shard shard(MakeSettings(R"(
    defaults { pane { rows: 100000 } reference { learn_rows: 200 }
      detectors { row_score { threshold: 0.5 } } detectors { psi { threshold: 1 } }
      detectors { repeat_change {} } detectors { correlation_change { first: "a" second: "b" } }
      detectors { dependency_change { from: "word" to: "a" } } })"));
  Numbers numbers(1);
  std::vector<double> a(100), b(100);
  std::vector<std::string> words(100);
  std::vector<float> vectors(300);
  for (double& value : a) value = numbers.Normal();
  for (double& value : b) value = numbers.Normal();
  for (std::string& word : words) word = "w" + std::to_string(numbers.Next(20));
  for (float& value : vectors) value = static_cast<float>(numbers.Normal());
  BatchMaker maker(100);
  maker.Number("a", a).Missing({5}).Number("b", b).String("word", words).Vector("v", vectors, 3);
  const std::shared_ptr<const EventBatch> batch = maker.Refused({7, 50}).Make();
  Effects effects;
  const auto apply = [&] {
    BatchResult result;
    const uint64_t before = *AllocationsSoFar();
    shard.Apply(batch, &result, &effects);
    EXPECT_EQ(result.applied_rows, 98u);
    return *AllocationsSoFar() - before;
  };
  EXPECT_GT(apply(), 0u);
  for (int i = 0; i < 5; ++i) apply();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(apply(), 0u) << i;
}

}  // namespace
}  // namespace faultline::testing
