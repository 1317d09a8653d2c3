#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "tests/support/daemon_calls.h"
#include "tests/support/daemon_child.h"
#include "tests/support/daemon_load.h"
#include "tests/support/disk_faults.h"
#include "tests/support/private_disk.h"

// Disk faults under the real daemon. In each case acknowledgements stop, the daemon's metrics say
// so, it continues by itself once the disk works again, and nothing acknowledged is lost.

namespace faultline::testing {
namespace {

constexpr char kConfig[] = R"(
commit: {interval: 10ms}
defaults:
  pane: {rows: 100}
  window_panes: 3
  reference: {learn_rows: 500}
)";

bool StoreIsBroken(const DaemonChild& daemon) {
  return ReadyCode(daemon) == 503 && Series(Scrape(daemon), "faultline_ready") == 0 &&
         Series(Scrape(daemon), "faultline_commit_failures_total") >= 1;
}

// What is acknowledged once no more acknowledgements come.
uint64_t SettledRows(const Sender& sender) {
  uint64_t acknowledged = 0;
  EXPECT_TRUE(WaitUntil([&] {
    const uint64_t before = std::exchange(acknowledged, sender.acknowledged_rows());
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    return before > 0 && before == sender.acknowledged_rows();
  }));
  return acknowledged;
}

// All that was sent is acknowledged and counted once, also after a restart.
void ExpectNothingIsLost(DaemonChild* daemon, Sender* sender) {
  ASSERT_TRUE(sender->Finish()) << daemon->log();
  EXPECT_EQ(sender->acknowledged_rows(), sender->sent_rows());
  EXPECT_EQ(ReadyCode(*daemon), 200);
  const std::string page = Scrape(*daemon);
  ExpectRowsAddUp(page);
  EXPECT_EQ(Rows(page, "applied"), static_cast<double>(sender->sent_rows()));
  EXPECT_EQ(GetModel(*daemon, sender->name(), "1").applied_rows(), sender->sent_rows());
  EXPECT_EQ(daemon->Terminate(), 0) << daemon->log();
  ASSERT_TRUE(daemon->Start()) << daemon->log();
  EXPECT_EQ(GetModel(*daemon, sender->name(), "1").applied_rows(), sender->sent_rows());
}

// Starts it with its state on the disk.
bool StartOn(const PrivateDisk& disk, DaemonChild* daemon) {
  std::filesystem::create_directory(disk.File("state"));
  std::filesystem::create_directory_symlink(disk.File("state"), daemon->data_folder());
  return daemon->Start();
}

// A daemon whose disk can be made to fail.
struct OnFaultyDisk {
  explicit OnFaultyDisk(const std::string& config)
      : daemon(FAULTLINE_BINARY, config), disk(FAULTLINE_DISK_FAULTS, daemon.data_folder()) {
    daemon.SetEnvironment(disk.environment());
  }
  DaemonChild daemon;
  DiskFaults disk;
};

TEST(Faults, AFullDiskStopsAcknowledgementsAndLosesNothing) {
  const PrivateDisk disk(128 << 20);
  if (!disk.mounted()) GTEST_SKIP() << "needs a namespace with a small tmpfs (unshare -rm)";
  DaemonChild daemon(FAULTLINE_BINARY, kConfig);
  ASSERT_TRUE(StartOn(disk, &daemon)) << daemon.log();
  Sender sender(daemon, "m", 100, 200);
  ASSERT_TRUE(WaitUntil([&] { return sender.acknowledged_rows() > 0; }));
  for (int round = 0; round < (LongTests() ? 10 : 1); ++round) {
    disk.Fill("ballast");
    ASSERT_TRUE(WaitUntil([&] { return StoreIsBroken(daemon); }));
    const uint64_t acknowledged = sender.acknowledged_rows();
    EXPECT_GE(GetModel(daemon, "m", "1").applied_rows(), acknowledged) << "reading goes on";
    std::filesystem::remove(disk.File("ballast"));
    ASSERT_TRUE(WaitUntil([&] { return sender.acknowledged_rows() > acknowledged; }))
        << daemon.log();
  }
  ExpectNothingIsLost(&daemon, &sender);
}

TEST(Faults, AFullDiskAndAKillLoseNothingAcknowledged) {
  const PrivateDisk disk(128 << 20);
  if (!disk.mounted()) GTEST_SKIP() << "needs a namespace with a small tmpfs (unshare -rm)";
  DaemonChild daemon(FAULTLINE_BINARY, kConfig);
  ASSERT_TRUE(StartOn(disk, &daemon)) << daemon.log();
  Sender sender(daemon, "m", 100, 200);
  ASSERT_TRUE(WaitUntil([&] { return sender.acknowledged_rows() > 0; }));
  disk.Fill("ballast");
  ASSERT_TRUE(WaitUntil([&] { return StoreIsBroken(daemon); }));
  const uint64_t acknowledged = sender.acknowledged_rows();
  daemon.Kill();
  const CommandOutcome refused = daemon.StartAndFail();
  EXPECT_EQ(refused.exit_code, 1) << refused.output;
  EXPECT_NE(refused.output.find("free some space"), std::string::npos) << refused.output;
  std::filesystem::remove(disk.File("ballast"));
  ASSERT_TRUE(daemon.Start()) << daemon.log();
  EXPECT_GE(GetModel(daemon, "m", "1").applied_rows(), acknowledged);
  ExpectNothingIsLost(&daemon, &sender);
}

// A failing file system is remounted read-only under the open files. The kernel refuses to do that
// on request while files are open, so the errors of such a disk are simulated.
TEST(Faults, ADiskThatTurnsReadOnlyStopsAcknowledgementsUntilItIsBack) {
  OnFaultyDisk faulty(kConfig);
  DaemonChild& daemon = faulty.daemon;
  DiskFaults& disk = faulty.disk;
  ASSERT_TRUE(daemon.Start()) << daemon.log();
  Sender sender(daemon, "m", 100, 20);
  for (int round = 0; round < (LongTests() ? 10 : 1); ++round) {
    const uint64_t before = sender.acknowledged_rows();
    ASSERT_TRUE(WaitUntil([&] { return sender.acknowledged_rows() > before; })) << daemon.log();
    disk.Set(DiskFault::kReadOnly);
    ASSERT_TRUE(WaitUntil([&] { return StoreIsBroken(daemon); }));
    const uint64_t acknowledged = SettledRows(sender);
    const uint64_t hits = disk.hits();
    ASSERT_TRUE(WaitUntil([&] { return disk.hits() > hits; })) << "it keeps trying";
    EXPECT_EQ(sender.acknowledged_rows(), acknowledged);
    EXPECT_GE(GetModel(daemon, "m", "1").applied_rows(), acknowledged) << "reading goes on";
    disk.Set(DiskFault::kNone);
  }
  EXPECT_NE(daemon.log().find("Read-only file system"), std::string::npos) << daemon.log();
  ExpectNothingIsLost(&daemon, &sender);
}

// A failed sync may have dropped its data and reports that only once: nothing after it is
// acknowledged before the store has been reopened.
TEST(Faults, AFailedSyncIsNotTakenForASyncedCommit) {
  OnFaultyDisk faulty(R"(
commit: {interval: 10ms, durability: power}
defaults: {pane: {rows: 100}}
)");
  DaemonChild& daemon = faulty.daemon;
  DiskFaults& disk = faulty.disk;
  ASSERT_TRUE(daemon.Start()) << daemon.log();
  Sender sender(daemon, "m", 100);
  for (int round = 1; round <= 3; ++round) {
    const uint64_t before = sender.acknowledged_rows();
    ASSERT_TRUE(WaitUntil([&] { return sender.acknowledged_rows() > before; })) << daemon.log();
    disk.Set(DiskFault::kSyncFails);
    ASSERT_TRUE(WaitUntil([&] {
      return Series(Scrape(daemon), "faultline_commit_failures_total") >= round;
    })) << daemon.log();
  }
  EXPECT_EQ(disk.hits(), 3u);
  ExpectNothingIsLost(&daemon, &sender);
}

TEST(Faults, ADiskThatStallsDelaysAcknowledgementsOnly) {
  OnFaultyDisk faulty(kConfig);
  DaemonChild& daemon = faulty.daemon;
  DiskFaults& disk = faulty.disk;
  ASSERT_TRUE(daemon.Start()) << daemon.log();
  Sender sender(daemon, "m", 100, 20);
  ASSERT_TRUE(WaitUntil([&] { return sender.acknowledged_rows() > 0; })) << daemon.log();
  disk.Set(DiskFault::kStalls);
  ASSERT_TRUE(WaitUntil([&] { return disk.hits() > 0; }));
  const uint64_t acknowledged = SettledRows(sender);
  const double committed = Series(Scrape(daemon), "faultline_commits_total");
  std::this_thread::sleep_for(std::chrono::seconds(2));
  const std::string page = Scrape(daemon);
  EXPECT_EQ(Series(page, "faultline_commits_total"), committed) << "and the page is still served";
  ExpectRowsAddUp(page);
  EXPECT_EQ(sender.acknowledged_rows(), acknowledged);
  EXPECT_GE(GetModel(daemon, "m", "1").applied_rows(), acknowledged) << "reading goes on";
  disk.Set(DiskFault::kNone);
  ExpectNothingIsLost(&daemon, &sender);
}

TEST(Faults, AStopWhileADiskHoldsUpTheStartEndsIt) {
  DaemonChild daemon(FAULTLINE_BINARY, kConfig);
  DiskFaults disk(FAULTLINE_DISK_FAULTS, daemon.data_folder());
  daemon.SetEnvironment(disk.environment());
  disk.Set(DiskFault::kStalls);
  daemon.Launch();
  ASSERT_TRUE(WaitUntil([&] { return disk.hits() > 0; }));
  kill(daemon.pid(), SIGTERM);
  std::optional<int> ended;
  EXPECT_TRUE(WaitUntil([&] { return (ended = daemon.Ended()).has_value(); }));
  EXPECT_EQ(ended, 0) << daemon.log();
  disk.Set(DiskFault::kNone);
  EXPECT_TRUE(daemon.Start()) << daemon.log();
}

}  // namespace
}  // namespace faultline::testing
