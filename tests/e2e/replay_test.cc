#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/daemon_calls.h"
#include "tests/support/daemon_child.h"

// `faultline replay` against the real daemon, run again and cut short.

namespace faultline::testing {
namespace {

class ReplayTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(daemon_.Start()) << daemon_.log();
    std::string rows = "x\n";
    for (int i = 0; i < 1'000; ++i) rows += std::to_string(i % 97) + "\n";
    WriteFile(file_, rows);
  }
  CommandOutcome Replay(std::vector<std::string> more) {
    std::vector<std::string> arguments = {FAULTLINE_BINARY, "replay", file_, "--model", "m"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunCommand(arguments, {"FAULTLINE_ADDRESS=" + daemon_.socket_address()});
  }
  uint64_t Applied() { return GetModel(daemon_, "m", "").applied_rows(); }

  DaemonChild daemon_{FAULTLINE_BINARY, "defaults: {pane: {rows: 100}}"};
  TempFolder folder_;
  const std::string file_ = folder_.File("rows.csv");
};

TEST_F(ReplayTest, TheSameFileIsAppliedOnce) {
  const std::vector<std::string> first_rows = {"--first-rows-as-reference", "300"};
  CommandOutcome outcome = Replay(first_rows);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_NE(
      outcome.output.find("no time column: times are generated, rows 100 ms apart, ending now"),
      std::string::npos)
      << outcome.output;
  EXPECT_EQ(Applied(), 700u);

  outcome = Replay(first_rows);
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_NE(outcome.output.find("nothing was sent: producer replay-m-"), std::string::npos)
      << outcome.output;
  EXPECT_EQ(outcome.output.find("imported"), std::string::npos) << "the reference is left alone";
  EXPECT_EQ(Applied(), 700u);

  outcome = Replay({"--first-rows-as-reference", "300", "--resume"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_EQ(outcome.output.find("imported"), std::string::npos) << outcome.output;
  EXPECT_EQ(Applied(), 700u);

  outcome = Replay({"--producer", "again"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_EQ(Applied(), 1'700u);
}

TEST_F(ReplayTest, GoesOnWhereItWasInterrupted) {
  // At 20 rows a second it would take 50 s.
  const std::string script = FAULTLINE_BINARY
      " replay \"$0\" --model m --batch-rows 1 --rate 20 & "
      "until " FAULTLINE_BINARY
      " models list --output json | grep -q 'applied_rows\": \"[1-9]'; do sleep 0.1; done; "
      "kill -TERM $!; wait $!";
  CommandOutcome outcome =
      RunCommand({"bash", "-c", script, file_}, {"FAULTLINE_ADDRESS=" + daemon_.socket_address()});
  EXPECT_NE(outcome.output.find("interrupted; everything sent is acknowledged; to continue"),
            std::string::npos)
      << outcome.output;
  EXPECT_NE(outcome.output.find("no time column: rows get their arrival time"), std::string::npos)
      << outcome.output;
  EXPECT_LT(Applied(), 1'000u);
  outcome = Replay({"--batch-rows", "1", "--rate", "100000", "--resume"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_EQ(Applied(), 1'000u);
}

TEST_F(ReplayTest, RowsWithoutTimesSpreadOverPanesUpToNow) {
  const CommandOutcome outcome = Replay({"--spacing", "1s", "--output", "json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_NE(outcome.output.find("\"late_rows\":0"), std::string::npos) << outcome.output;
  const CommandOutcome again = Replay({"--producer", "again", "--output", "json"});
  EXPECT_NE(again.output.find("\"late_rows\":0"), std::string::npos)
      << "behind the newest row: " << again.output;
  EXPECT_EQ(Replay({"--spacing", "soon"}).exit_code, 2);
}

}  // namespace
}  // namespace faultline::testing
