#include <gtest/gtest.h>

#include "storage/tables/envelope.h"
#include "storage/tables/keys.h"
#include "tests/daemon/core/core_run.h"

namespace faultline::testing {
namespace {

std::unique_ptr<EventBatch> Row(const std::string& model) {
  return BatchMaker(1).Model(model).Number("a", {1}).Make();
}

TEST(CoreLimitsTest, TenThousandModels) {
  CoreRun run(MakeSettings("limits { models: 1000 }"));
  uint32_t refused = 0;
  for (int i = 0; i < 10'000; ++i) {
    const BatchResult result = run.Apply(Row("model" + std::to_string(i)));
    if (result.applied_rows == 1) continue;
    EXPECT_EQ(result.batch_reason, v1::REJECT_REASON_LIMIT);
    ++refused;
  }
  EXPECT_EQ(refused, 9'000u);
  run.TakeCheckpoint();
  const uint64_t bytes = run.shard().memory_bytes();
  EXPECT_LT(bytes, 1'000u * 20'000);
  EXPECT_EQ(run.Apply(Row("model3")).applied_rows, 1u) << "known ones go on";
}

TEST(CoreLimitsTest, SignalsOfOneModelAndOfAll) {
  CoreRun run(MakeSettings("limits { signals_per_model: 3 signals: 5 }"));
  const auto columns = [](const std::string& model, uint32_t count) {
    BatchMaker maker(1);
    maker.Model(model);
    for (uint32_t i = 0; i < count; ++i) maker.Number("c" + std::to_string(i), {1});
    return maker.Make();
  };
  EXPECT_EQ(run.Apply(columns("one", 4)).batch_reason, v1::REJECT_REASON_LIMIT);
  EXPECT_EQ(run.Apply(columns("one", 3)).applied_rows, 1u);
  EXPECT_EQ(run.Apply(columns("two", 3)).batch_reason, v1::REJECT_REASON_LIMIT);
  EXPECT_EQ(run.Apply(columns("two", 2)).applied_rows, 1u);
  // Vectors bring the signal of their norms.
  EXPECT_EQ(run.Apply(BatchMaker(1).Model("one", "2").Vector("v", {1}, 1).Make()).batch_reason,
            v1::REJECT_REASON_LIMIT);
  EXPECT_EQ(run.shard().signals(), 5u);
  EXPECT_TRUE(run.Run(DeleteModel{"two", "1"}).status.ok());
  EXPECT_EQ(run.shard().signals(), 3u);
}

TEST(CoreLimitsTest, UnknownModelsMayBeRefusedUnlessListed) {
  CoreRun run(
      MakeSettings("unknown_models: 'reject' models { name: 'credit' } "
                   "models { name: 'fraud*' }"));
  EXPECT_EQ(run.Apply(Row("credit")).applied_rows, 1u);
  EXPECT_EQ(run.Apply(Row("fraud")).batch_reason, v1::REJECT_REASON_UNKNOWN_MODEL);
  EXPECT_EQ(run.Apply(Row("other")).batch_reason, v1::REJECT_REASON_UNKNOWN_MODEL);
}

TEST(CoreLimitsTest, ReferenceMemoryIsSharedAndWaitedFor) {
  // Room for two signals of 1000 rows (8000 bytes and null bits each), not for three.
  CoreRun run(
      MakeSettings("limits { reference: '20000' } "
                   "defaults { pane { rows: 100 } reference { learn_rows: 1000 } }"));
  const auto rows = [](uint32_t count) {
    const std::vector<double> values(count, 1);
    return BatchMaker(count).Number("a", values).Number("b", values).Number("c", values).Make();
  };
  run.Apply(rows(500));
  run.Restart();
  run.TakeCheckpoint();
  EXPECT_EQ(run.Signal("a").missing, "learning its reference: 500 of 1000 rows");
  EXPECT_EQ(run.Signal("c").missing, "waits for reference memory (limits.reference)");
  run.Apply(rows(500));
  run.Apply(rows(10));
  run.TakeCheckpoint();
  EXPECT_EQ(run.Signal("a").reference_rows, 1'000u);
  EXPECT_EQ(run.Signal("c").missing, "learning its reference: 10 of 1000 rows");
}

TEST(CoreLimitsTest, LongCategoriesStopLearning) {
  CoreRun run(
      MakeSettings("limits { reference: '1MiB' } "
                   "defaults { pane { rows: 100 } reference { learn_rows: 100000 } }"));
  for (int batch = 0; batch < 30; ++batch) {
    std::vector<std::string> values;
    for (int row = 0; row < 100; ++row) {
      values.push_back(std::string(1'000, 'x') + std::to_string(batch * 100 + row));
    }
    run.Apply(BatchMaker(100).String("word", values).Make());
    run.TakeCheckpoint();
    EXPECT_LT(run.shard().memory_bytes(), 3u << 20);
  }
  run.Restart();
  run.TakeCheckpoint();
  EXPECT_EQ(run.Snapshot()->totals.applied_rows, 3'000u);
}

// Every record of a run that has all kinds of them.
std::map<std::string, std::string> Records(CoreRun* run) {
  Numbers numbers(1);
  for (int i = 0; i < 30; ++i) {
    std::vector<double> a(10), b(10);
    for (double& value : a) value = numbers.Normal();
    for (double& value : b) value = numbers.Normal() + i;
    BatchMaker maker(i == 29 ? 5 : 10, kStart + i * 10 * kSecond);
    if (i == 29) {
      maker.Number("a", {1, 2, 3, 4, 5}).Number("b", {1, 2, 3, 4, 5}).Number("c", {1, 2, 3, 4, 5});
    } else {
      maker.Number("a", a).Number("b", b);
    }
    run->Apply(maker.Make());
  }
  run->TakeCheckpoint();
  return run->stored();
}

constexpr const char* kEverything = R"(
  defaults { pane { rows: 10 } window_panes: 3 reference { learn_rows: 200 }
    detectors { out_of_range { threshold: 0.1 } } detectors { page_hinkley { threshold: 9 } }
    detectors { row_score { threshold: 1 } } })";

TEST(CoreRestoreTest, DamagedRecordsAreNamed) {
  CoreRun run(MakeSettings(kEverything));
  const std::map<std::string, std::string> records = Records(&run);
  std::string tables;
  for (const auto& [key, value] : records) {
    tables += static_cast<char>((*ParseKey(key)).table);
    // Read on demand, not at the start.
    if (ReadOnDemand((*ParseKey(key)).table)) continue;
    for (const bool cut_short : {true, false}) {
      std::map<std::string, std::string> damaged = records;
      if (cut_short) {
        damaged[key].resize(value.size() / 2);
      } else {
        damaged[key][value.size() - 1] = static_cast<char>(value.back() ^ 0x10);
      }
      const absl::Status status = run.TryRestore(damaged);
      EXPECT_TRUE(absl::IsDataLoss(status)) << DescribeKey(key) << ": " << status;
      EXPECT_NE(std::string(status.message()).find(DescribeKey(key)), std::string::npos) << status;
    }
  }
  for (const char table : {'m', 'o', 'p', 'd', 'a', 'b', 'q', 'r', 'l', 'f', 'n', 'e', 'w', 'h'}) {
    EXPECT_NE(tables.find(table), std::string::npos) << table;
  }
  EXPECT_TRUE(run.TryRestore(records).ok());
}

TEST(CoreRestoreTest, NewerRecordsAreRefused) {
  CoreRun run(MakeSettings(kEverything));
  const std::map<std::string, std::string> records = Records(&run);
  for (const auto& [key, value] : records) {
    if (ReadOnDemand((*ParseKey(key)).table)) continue;
    std::map<std::string, std::string> newer = records;
    const char kind = static_cast<char>((*ParseKey(key)).table);
    newer[key] = Seal(kind, 200, value.substr(kEnvelopeBytes));
    EXPECT_TRUE(absl::IsFailedPrecondition(run.TryRestore(newer))) << DescribeKey(key);
  }
}

TEST(CoreRestoreTest, PayloadsCutShortAreDamage) {
  CoreRun run(MakeSettings(kEverything));
  const std::map<std::string, std::string> records = Records(&run);
  for (const auto& [key, value] : records) {
    const char kind = static_cast<char>((*ParseKey(key)).table);
    const std::string payload = value.substr(kEnvelopeBytes);
    for (size_t size = 0; size < payload.size(); size += 1 + payload.size() / 16) {
      std::map<std::string, std::string> damaged = records;
      damaged[key] = Seal(kind, 1, payload.substr(0, size));
      // Blocks that are lists may end early at an entry; nothing may crash.
      const absl::Status status = run.TryRestore(damaged);
      EXPECT_TRUE(status.ok() || absl::IsDataLoss(status)) << DescribeKey(key) << ": " << status;
    }
  }
}

TEST(CoreRestoreTest, NumbersThatNoPaneHasAreDamage) {
  CoreRun run(MakeSettings(kEverything));
  const std::map<std::string, std::string> records = Records(&run);
  for (const auto& [key, value] : records) {
    Key wrong = *ParseKey(key);
    if (wrong.table != Table::kClosedPane && wrong.table != Table::kScoreHistory) continue;
    wrong.pane_index = -9;
    std::map<std::string, std::string> damaged = records;
    damaged[BuildKey(wrong)] = value;
    EXPECT_TRUE(absl::IsDataLoss(run.TryRestore(damaged))) << DescribeKey(key);
  }
}

TEST(CoreRestoreTest, MissingReferenceIsDamage) {
  CoreRun run(MakeSettings(kEverything));
  std::map<std::string, std::string> records = Records(&run);
  for (auto record = records.begin(); record != records.end();) {
    record = (*ParseKey(record->first)).table == Table::kReference ? records.erase(record)
                                                                   : std::next(record);
  }
  EXPECT_TRUE(absl::IsDataLoss(run.TryRestore(records)));
}

}  // namespace
}  // namespace faultline::testing
