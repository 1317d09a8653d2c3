#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "base/codec.h"
#include "storage/rocks/rocks_store.h"
#include "storage/tables/envelope.h"
#include "storage/tables/keys.h"
#include "tests/support/daemon_calls.h"
#include "tests/support/daemon_child.h"
#include "tests/support/daemon_load.h"
#include "tests/support/streams.h"

// Damage to the state of a stopped daemon, by a person or a disk. The next start either refuses and
// says what is wrong, or finds whole commits; never anything in between.

namespace faultline::testing {
namespace {

namespace fs = std::filesystem;

constexpr uint32_t kRows = 100;
constexpr uint64_t kBatches = 60;
constexpr uint64_t kAllRows = kBatches * kRows;

constexpr char kConfig[] = R"(
commit: {interval: 1ms}
recorder: {enabled: true}
defaults:
  pane: {rows: 200}
  window_panes: 3
  reference: {learn_rows: 1000}
)";

void SendBatches(const DaemonChild& daemon, uint64_t begin, uint64_t end) {
  const auto producer = ConnectProducer(daemon, "p" + std::to_string(begin));
  ASSERT_NE(producer, nullptr);
  for (uint64_t index = begin; index < end; ++index) {
    ASSERT_TRUE(producer->Send(NumbersBatch("m", index, kRows, 3)).ok());
    // Each in a commit of its own, so that there are many to lose.
    ASSERT_TRUE(producer->Flush(std::chrono::minutes(2)).ok()) << daemon.log();
  }
}

// A daemon that has acknowledged kAllRows, in tables and in the log, and has ended.
void Acknowledge(DaemonChild* daemon) {
  ASSERT_TRUE(daemon->Start()) << daemon->log();
  SendBatches(*daemon, 0, kBatches / 2);
  daemon->Kill();
  ASSERT_TRUE(daemon->Start()) << daemon->log();
  SendBatches(*daemon, kBatches / 2, kBatches);
  daemon->Kill();
}

// One kind of file of the state.
struct FileKind {
  std::string begin, end;
  bool may_lose_commits = false;  // its end is what a crash may cut off

  std::string Find(const std::string& folder) const {
    std::vector<std::string> found;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
      const std::string name = entry.path().filename();
      const bool fits = name.starts_with(begin) && name.ends_with(end);
      if (fits && entry.is_regular_file() && entry.file_size() > 0) found.push_back(entry.path());
    }
    return found.empty() ? "" : *std::max_element(found.begin(), found.end());
  }
};

std::vector<FileKind> Kinds() {
  return {{"", ".sst"},    {"", ".log", true}, {"MANIFEST", ""},       {"CURRENT", ""},
          {"OPTIONS", ""}, {"IDENTITY", ""},   {"faultline.lock", ""}, {"", ".events"}};
}

enum class Damage { kFlip, kCut, kEmpty, kRemove };

std::string Name(Damage damage) {
  const char* names[] = {"flipped", "cut", "emptied", "removed"};
  return names[static_cast<int>(damage)];
}

void Inflict(Damage damage, const std::string& path, Random* random) {
  const uint64_t size = fs::file_size(path);
  switch (damage) {
    case Damage::kFlip: {
      std::string bytes = ReadFile(path);
      bytes[random->Below(size)] ^= static_cast<char>(1 << random->Below(8));
      WriteFile(path, bytes);
      break;
    }
    case Damage::kCut:
      fs::resize_file(path, random->Below(size));
      break;
    case Damage::kEmpty:
      fs::resize_file(path, 0);
      break;
    case Damage::kRemove:
      fs::remove(path);
      break;
  }
}

// The outcome of a start with a damaged folder.
struct Outcome {
  bool refused = false;
  uint64_t rows = 0;
};

Outcome StartOver(DaemonChild* daemon, size_t logged_before) {
  Outcome outcome;
  daemon->Launch();
  std::optional<int> ended;
  EXPECT_TRUE(WaitUntil([&] {
    ended = daemon->Ended();
    return ended.has_value() || fs::exists(daemon->data_folder() + "/addresses.json");
  }));
  if (ended.has_value()) {
    outcome.refused = true;
    const std::string said = daemon->log().substr(logged_before);
    EXPECT_EQ(ended, 1) << said;
    EXPECT_NE(said.find("cannot start"), std::string::npos) << said;
    EXPECT_NE(said.find(daemon->data_folder()), std::string::npos) << said;
    return outcome;
  }
  EXPECT_TRUE(daemon->AwaitReady()) << daemon->log();
  const auto rows = GetStatus(*daemon).rows();
  outcome.rows = rows.contains("applied") ? rows.at("applied") : 0;
  const std::string page = Scrape(*daemon);
  ExpectRowsAddUp(page);
  if (outcome.rows > 0) {
    EXPECT_EQ(GetModel(*daemon, "m", "1").applied_rows(), outcome.rows) << "totals agree";
  }
  return outcome;
}

// The digest of everything stored; "" if it cannot be read, which the daemon then reports.
std::string Digest(const DaemonChild& daemon) {
  const CommandOutcome outcome = RunCommand({FAULTLINE_BINARY, "state", "digest"},
                                            {"FAULTLINE_ADDRESS=" + daemon.socket_address()});
  EXPECT_FALSE(outcome.output.empty());
  return outcome.exit_code == 0 ? outcome.output : "";
}

TEST(Faults, DamagedFilesOfEveryKindAreRefusedOrGiveWholeCommits) {
  DaemonChild daemon(FAULTLINE_BINARY, kConfig);
  ASSERT_NO_FATAL_FAILURE(Acknowledge(&daemon));
  TempFolder folder;
  fs::copy(daemon.data_folder(), folder.File("good"), fs::copy_options::recursive);
  ASSERT_TRUE(daemon.Start()) << daemon.log();
  const std::string digest = Digest(daemon);
  ASSERT_NE(digest, "");
  daemon.Kill();
  Random random(26);
  int refused = 0, whole = 0, shorter = 0;
  for (const FileKind& kind : Kinds()) {
    const int times = LongTests() ? 200 : 1;
    for (int i = 0; i < 2 * times + 2; ++i) {
      const Damage damage = i < times        ? Damage::kFlip
                            : i < 2 * times  ? Damage::kCut
                            : i == 2 * times ? Damage::kEmpty
                                             : Damage::kRemove;
      SCOPED_TRACE(kind.begin + "*" + kind.end + " " + Name(damage) + ", " + std::to_string(i));
      fs::remove_all(daemon.data_folder());
      fs::copy(folder.File("good"), daemon.data_folder(), fs::copy_options::recursive);
      fs::remove(daemon.data_folder() + "/faultline.sock");
      const std::string path = kind.Find(daemon.data_folder());
      ASSERT_NE(path, "");
      Inflict(damage, path, &random);
      const Outcome outcome = StartOver(&daemon, daemon.log().size());
      if (outcome.refused) {
        ++refused;
        continue;
      }
      EXPECT_EQ(outcome.rows % kRows, 0u);
      if (!kind.may_lose_commits) {
        EXPECT_EQ(outcome.rows, kAllRows);
      }
      const std::string found = Digest(daemon);
      if (outcome.rows == kAllRows && found != "") {
        EXPECT_EQ(found, digest);
      }
      ++(outcome.rows == kAllRows ? whole : shorter);
      daemon.Kill();
    }
  }
  RecordProperty("refused", refused);
  RecordProperty("whole", whole);
  RecordProperty("shorter", shorter);
  EXPECT_GT(refused, 5);
  EXPECT_GT(whole, 10);
  EXPECT_GT(shorter, 0);
}

// A loss of power may lose the end of the log. The daemon cannot know, but the producer does.
TEST(Faults, AStateThatForgotIsNoticedByTheProducer) {
  DaemonChild daemon(FAULTLINE_BINARY, kConfig);
  ASSERT_TRUE(daemon.Start()) << daemon.log();
  const auto producer = ConnectProducer(daemon, "p");
  ASSERT_NE(producer, nullptr);
  for (uint64_t index = 0; index < kBatches; ++index) {
    ASSERT_TRUE(producer->Send(NumbersBatch("m", index, kRows)).ok());
    ASSERT_TRUE(producer->Flush(std::chrono::minutes(2)).ok()) << daemon.log();
  }
  daemon.Kill();
  const std::string log = FileKind{"", ".log"}.Find(daemon.data_folder());
  fs::resize_file(log, fs::file_size(log) / 2);
  ASSERT_TRUE(daemon.Start()) << daemon.log();
  EXPECT_LT(GetModel(daemon, "m", "1").applied_rows(), kAllRows);
  absl::Status status = producer->Send(NumbersBatch("m", kBatches, kRows)).status();
  if (status.ok()) status = producer->Flush(std::chrono::minutes(2));
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
}

void Store(const std::string& folder, Global name, const std::string& value) {
  auto store = OpenRocksStore(folder);
  ASSERT_TRUE(store.ok()) << store.status();
  ASSERT_TRUE((*store)->Commit({{GlobalKey(name), value}}, /*sync=*/true).ok());
}

TEST(Faults, AStateOfANewerVersionIsRefusedAndLeftAsItIs) {
  DaemonChild daemon(FAULTLINE_BINARY, kConfig);
  ASSERT_NO_FATAL_FAILURE(Acknowledge(&daemon));
  std::string payload;
  Encoder(&payload).Varint(kDataFormatVersion + 1);
  ASSERT_NO_FATAL_FAILURE(
      Store(daemon.data_folder(), Global::kFormatVersion, Seal('g', 1, payload)));
  CommandOutcome outcome = daemon.StartAndFail();
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_NE(outcome.output.find("start the newer faultline"), std::string::npos) << outcome.output;
  EXPECT_NE(outcome.output.find(daemon.data_folder()), std::string::npos) << outcome.output;
}

// A single record is of a newer version, as an older daemon may find it.
TEST(Faults, ARecordOfANewerVersionIsRefusedByName) {
  DaemonChild daemon(FAULTLINE_BINARY, kConfig);
  ASSERT_NO_FATAL_FAILURE(Acknowledge(&daemon));
  ASSERT_NO_FATAL_FAILURE(Store(daemon.data_folder(), Global::kRowTotals, Seal('g', 200, "new")));
  const CommandOutcome outcome = daemon.StartAndFail();
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_NE(outcome.output.find("newer"), std::string::npos) << outcome.output;
}

}  // namespace
}  // namespace faultline::testing
