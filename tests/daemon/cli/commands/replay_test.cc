#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "daemon/cli/args/table_flags.h"
#include "daemon/cli/console/progress.h"
#include "daemon/client/pace.h"

namespace faultline::cli {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kSecond = 1'000'000'000;

v1::InferenceBatch Rows(uint32_t rows, std::vector<uint64_t> times = {}) {
  v1::InferenceBatch batch;
  batch.set_rows(rows);
  for (const uint64_t time : times) batch.add_event_times_unix_nano(time);
  return batch;
}

TEST(Pace, RowsPerSecond) {
  Pace pace(50, 0);
  EXPECT_EQ(pace.Limit({}).rows, 5u);
  EXPECT_EQ(Pace(1e6, 0).Limit({}).rows, 256u);
  EXPECT_EQ(pace.WaitNs(Rows(5), 7 * kSecond), 0);
  EXPECT_EQ(pace.WaitNs(Rows(5), 7 * kSecond), kSecond / 10);
  EXPECT_EQ(pace.WaitNs(Rows(5), 7 * kSecond + kSecond / 10), kSecond / 10);
  // Ten seconds behind: at most one second's rows come in a burst.
  EXPECT_EQ(pace.WaitNs(Rows(5), 17 * kSecond), 0);
  int64_t waited = 0;
  for (int i = 0; i < 20; ++i) waited = pace.WaitNs(Rows(5), 17 * kSecond);
  EXPECT_EQ(waited, kSecond);
}

TEST(Pace, EventTimesScaled) {
  Pace pace(0, 10);
  EXPECT_EQ(pace.Limit({}).span_ns, kSecond);
  EXPECT_EQ(pace.WaitNs(Rows(2, {5 * kSecond, 6 * kSecond}), 0), 0);
  EXPECT_EQ(pace.WaitNs(Rows(1, {26 * kSecond}), kSecond / 2), 3 * kSecond / 2);
}

TEST(Pace, FullSpeed) {
  Pace pace(0, 0);
  EXPECT_EQ(pace.Limit({}).rows, 256u);
  EXPECT_EQ(pace.WaitNs(Rows(100), 0), 0);
  EXPECT_EQ(pace.WaitNs(Rows(100), 0), 0);
}

TEST(ProgressLine, BarRateAndTimeLeft) {
  EXPECT_EQ(ProgressLine("elec2", 12'345, 0.5, 2, 100),
            "elec2  [############------------]  50 %  12 345 rows  6 172/s  2 s left");
  EXPECT_EQ(ProgressLine("stdin", 100, -1, 10, 100), "stdin  100 rows  10/s");
  EXPECT_EQ(ProgressLine("a", 0, 0, 0, 100), "a  [------------------------]  0 %  0 rows");
  EXPECT_THAT(ProgressLine("a", 10, 0.02, 200, 100), HasSubstr("2 h left"));
  EXPECT_THAT(ProgressLine("a", 10, 2.0, 1, 100), HasSubstr("100 %"));
}

absl::StatusOr<TableOptions> Parse(const std::vector<std::string>& arguments) {
  TableFlags flags;
  CommandLine line("faultline", "test", "1");
  Command table = line.root().Add("table", "test");
  AddTableFlags(table, &flags);
  table.OnRun([] { return 0; });
  std::vector<const char*> argv = {"faultline", "table"};
  for (const std::string& word : arguments) argv.push_back(word.c_str());
  EXPECT_EQ(line.Run(static_cast<int>(argv.size()), argv.data()), 0);
  return ToTableOptions(flags);
}

TEST(TableFlags, NamesTypesAndRoles) {
  const auto options = Parse({"/x/elec2.csv.gz",
                              "--type",
                              "a=b=number",
                              "--type",
                              "c=string",
                              "--role",
                              "d=latency",
                              "--label",
                              "e",
                              "--delimiter",
                              "tab",
                              "--time-column",
                              "t",
                              "--time-unit",
                              "ms",
                              "--missing",
                              "?",
                              "--bad-cells",
                              "missing",
                              "--skip",
                              "3",
                              "--rows",
                              "4",
                              "--no-header"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->model, "elec2");
  EXPECT_EQ(options->types.at("a=b"), TableType::kNumber);
  EXPECT_EQ(options->types.at("c"), TableType::kString);
  EXPECT_EQ(options->roles.at("d"), v1::COLUMN_ROLE_LATENCY);
  EXPECT_EQ(options->roles.at("e"), v1::COLUMN_ROLE_PREDICTION);
  EXPECT_EQ(options->csv.delimiter, '\t');
  EXPECT_FALSE(options->csv.header);
  EXPECT_EQ(options->time_unit, TimeUnit::kMillis);
  EXPECT_THAT(options->missing, ::testing::ElementsAre("?", ""));
  EXPECT_TRUE(options->bad_cells_are_missing);
  EXPECT_EQ(options->skip_rows, 3u);
  EXPECT_EQ(options->rows_max, 4u);
}

TEST(TableFlags, SaysWhatIsWrong) {
  EXPECT_THAT(std::string(Parse({"f.csv", "--type", "a=float"}).status().message()),
              HasSubstr("--type a=float: expected COLUMN= and one of number, string"));
  EXPECT_THAT(std::string(Parse({"f.csv", "--role", "latency"}).status().message()),
              HasSubstr("--role latency"));
  EXPECT_THAT(std::string(Parse({"-"}).status().message()), HasSubstr("--model is needed"));
  EXPECT_THAT(std::string(Parse({"f.csv", "--delimiter", "::"}).status().message()),
              HasSubstr("--delimiter"));
}

}  // namespace
}  // namespace faultline::cli
