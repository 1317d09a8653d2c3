#include "daemon/cli/args/replay_plan.h"

#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "tests/storage/temporary_folder.h"

namespace faultline::cli {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

void WriteFile(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

TEST(ReplayProducerId, IsTheSameForTheSameBatchesOnly) {
  const TemporaryFolder folder;
  const std::string path = folder / "a.csv";
  WriteFile(path, "x\n1\n2\n");
  TableOptions table;
  table.path = path;
  table.model = "credit";
  const std::string id = ReplayProducerId(table, {}, 0);
  EXPECT_EQ(id.rfind("replay-credit-", 0), 0u) << id;
  EXPECT_EQ(ReplayProducerId(table, {}, 0), id);

  TableOptions by_other_way = table;
  by_other_way.path = folder.path() + "/./a.csv";
  EXPECT_EQ(ReplayProducerId(by_other_way, {}, 0), id);

  std::set<std::string> ids = {id};
  const auto expect_another = [&](const std::string& other) {
    EXPECT_TRUE(ids.insert(other).second) << other;
  };
  const std::vector<std::function<void(TableOptions*)>> changes = {
      [](TableOptions* t) { t->model = "credit2"; },
      [](TableOptions* t) { t->version = "2"; },
      [](TableOptions* t) { t->types["x"] = TableType::kString; },
      [](TableOptions* t) { t->roles["x"] = v1::COLUMN_ROLE_TAG; },
      [](TableOptions* t) { t->ignored = {"x"}; },
      [](TableOptions* t) { t->id_column = "x"; },
      [](TableOptions* t) { t->time_column = "x"; },
      [](TableOptions* t) { t->missing = {"?"}; },
      [](TableOptions* t) { t->bad_cells_are_missing = true; },
      [](TableOptions* t) { t->csv.header = false; },
      [](TableOptions* t) { t->skip_rows = 1; },
      [](TableOptions* t) { t->rows_max = 1; },
  };
  for (const auto& change : changes) {
    TableOptions changed = table;
    change(&changed);
    expect_another(ReplayProducerId(changed, {}, 0));
  }
  expect_another(ReplayProducerId(table, {.rows = 7}, 0));
  expect_another(ReplayProducerId(table, {.bytes = 7}, 0));
  expect_another(ReplayProducerId(table, {}, 1));
  WriteFile(path, "x\n1\n2\n3\n");
  expect_another(ReplayProducerId(table, {}, 0));
}

TEST(ReplayProducerId, StandardInputHasNoIdentity) {
  TableOptions table;
  table.path = "-";
  EXPECT_NE(ReplayProducerId(table, {}, 0), ReplayProducerId(table, {}, 0));
}

TEST(CountLines, IsAtLeastTheRows) {
  const TemporaryFolder folder;
  WriteFile(folder / "a.csv", "x\n1\n\"two\nlines\"\n3");
  EXPECT_EQ(CountLines(folder / "a.csv").value(), 5u);
  EXPECT_EQ(CountLines(folder / "b.csv").status().code(), absl::StatusCode::kNotFound);
}

v1::InferenceBatch Rows(uint32_t rows) {
  v1::InferenceBatch batch;
  batch.set_rows(rows);
  return batch;
}

TEST(RowTimes, RiseBySpacingAndEndNow) {
  RowTimes times(4, kSecond, 100 * kSecond, 0);
  v1::InferenceBatch batch = Rows(3);
  times.Fill(&batch);
  EXPECT_EQ(batch.event_times_unix_nano(0), uint64_t{97} * kSecond);
  EXPECT_EQ(batch.event_times_unix_nano(2), uint64_t{99} * kSecond);
  batch = Rows(3);
  times.Fill(&batch);
  EXPECT_EQ(batch.event_times_unix_nano(0), uint64_t{100} * kSecond);
  EXPECT_EQ(batch.event_times_unix_nano(2), uint64_t{100} * kSecond) << "more rows than announced";
}

TEST(RowTimes, FitBehindTheModelsNewestRow) {
  RowTimes times(4, kSecond, 100 * kSecond, 98 * kSecond);
  EXPECT_EQ(times.spacing_ns(), 0.5 * kSecond);
  v1::InferenceBatch batch = Rows(4);
  times.Fill(&batch);
  EXPECT_GT(batch.event_times_unix_nano(0), uint64_t{98} * kSecond);
  EXPECT_EQ(batch.event_times_unix_nano(3), uint64_t{100} * kSecond);

  RowTimes ahead(4, kSecond, 100 * kSecond, 200 * kSecond);
  v1::InferenceBatch late = Rows(1);
  ahead.Fill(&late);
  EXPECT_EQ(late.event_times_unix_nano(0), uint64_t{100} * kSecond) << "never in the future";
}

}  // namespace
}  // namespace faultline::cli
