// What the world does to a data folder.
#include "storage/rocks/rocks_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <map>
#include <random>
#include <string>

#include "base/codec.h"
#include "storage/tables/envelope.h"
#include "storage/tables/keys.h"
#include "tests/storage/files.h"
#include "tests/storage/temporary_folder.h"

namespace faultline {
namespace {

using ::testing::HasSubstr;

constexpr int kCommits = 60;

std::string ValueOf(int commit) { return std::string(200 + commit, static_cast<char>(commit)); }

std::vector<StateWrite> WritesOf(int commit) {
  return {{IncidentKey(commit), ValueOf(commit)},
          {ModelKey(1), std::to_string(commit)},
          {ModelKey(2), std::to_string(commit)}};
}

// Commits 0 to kCommits - 1, all still in the log; `flushed`: all in tables.
void WriteFolder(const std::string& folder, bool flushed) {
  auto store = OpenRocksStore(folder);
  ASSERT_TRUE(store.ok()) << store.status();
  for (int commit = 0; commit < kCommits; ++commit) {
    ASSERT_TRUE((*store)->Commit(WritesOf(commit), /*sync=*/false).ok());
  }
  if (flushed) {
    ASSERT_TRUE((*store)->Reopen().ok());
  }
}

// How many commits the folder holds, which must be the first ones and whole; or why not.
absl::StatusOr<int> ReadFolder(const std::string& folder, const RocksStoreOptions& options = {}) {
  auto store = OpenRocksStore(folder, options);
  if (!store.ok()) return store.status();
  int commits = 0;
  absl::Status status =
      (*store)->Scan(TableRange(Table::kIncident).begin, TableRange(Table::kIncident).end,
                     [&commits](std::string_view key, std::string_view value) {
                       EXPECT_EQ(key, IncidentKey(commits));
                       EXPECT_EQ(value, ValueOf(commits));
                       ++commits;
                       return true;
                     });
  if (!status.ok()) return status;
  for (const uint64_t model : {1, 2}) {
    const auto value = (*store)->Get(ModelKey(model));
    if (!value.ok()) return value.status();
    if (commits > 0) {
      EXPECT_EQ(*value, std::to_string(commits - 1));
    } else {
      EXPECT_EQ(*value, std::nullopt);
    }
  }
  return commits;
}

TEST(RocksStoreTest, FolderIsForItsOwnerAlone) {
  TemporaryFolder folder;
  WriteFolder(folder / "a/b/state/", /*flushed=*/false);
  struct stat found {};
  ASSERT_EQ(::stat((folder / "a/b/state").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0700u);
  EXPECT_EQ(*ReadFolder(folder / "a/b/state"), kCommits);
}

TEST(RocksStoreTest, SecondOwnerIsRefusedByName) {
  TemporaryFolder folder;
  auto first = OpenRocksStore(folder / "state");
  ASSERT_TRUE(first.ok());
  const absl::Status second = OpenRocksStore(folder / "state").status();
  EXPECT_TRUE(absl::IsFailedPrecondition(second)) << second;
  EXPECT_THAT(second.message(), HasSubstr(folder / "state"));
  EXPECT_THAT(second.message(), HasSubstr("process " + std::to_string(::getpid()) + ";"));
  EXPECT_TRUE((*first)->Commit({{"still", "works"}}, true).ok());
  ASSERT_TRUE((*first)->Reopen().ok());
  EXPECT_FALSE(OpenRocksStore(folder / "state").ok()) << "the lock outlives a Reopen";
  first->reset();
  EXPECT_TRUE(OpenRocksStore(folder / "state").ok());
}

TEST(RocksStoreTest, NewerFolderIsRefusedWithWhatToDo) {
  TemporaryFolder folder;
  std::string payload;
  Encoder(&payload).Varint(kDataFormatVersion + 1);
  {
    auto store = OpenRocksStore(folder.path());
    const std::string key = GlobalKey(Global::kFormatVersion);
    ASSERT_TRUE((*store)->Commit({{key, Seal('g', 1, payload)}}, true).ok());
  }
  const absl::Status status = OpenRocksStore(folder.path()).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(status.message(), HasSubstr(folder.path()));
  EXPECT_THAT(status.message(), HasSubstr("has data format 2, this faultline knows up to 1"));
  EXPECT_THAT(status.message(), HasSubstr("start the newer faultline"));
}

TEST(RocksStoreTest, DamagedOrMissingFormatIsRefused) {
  TemporaryFolder folder;
  const std::string key = GlobalKey(Global::kFormatVersion);
  {
    auto store = OpenRocksStore(folder.path());
    ASSERT_TRUE((*store)->Commit({{key, "nonsense"}, {ModelKey(1), ""}}, true).ok());
  }
  EXPECT_TRUE(absl::IsDataLoss(OpenRocksStore(folder.path()).status()));
  TemporaryFolder foreign;
  {
    auto store = OpenRocksStore(foreign.path());
    ASSERT_TRUE((*store)->Commit({{key, std::nullopt}, {ModelKey(1), ""}}, true).ok());
  }
  const absl::Status status = OpenRocksStore(foreign.path()).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
}

TEST(RocksStoreTest, FileInPlaceOfAFolderIsRefused) {
  TemporaryFolder folder;
  WriteBytes(folder / "state", "x");
  EXPECT_TRUE(absl::IsFailedPrecondition(OpenRocksStore(folder / "state").status()));
  EXPECT_FALSE(OpenRocksStore(folder / "state/below").ok());
}

TEST(RocksStoreTest, ReadOnlyFolderIsRefused) {
  SmallDisk disk(64 << 20);
  if (!disk.mounted()) GTEST_SKIP() << "needs the right to mount a file system";
  WriteFolder(disk.path() + "/state", /*flushed=*/false);
  ASSERT_TRUE(disk.MakeReadOnly());
  const absl::Status present = OpenRocksStore(disk.path() + "/state").status();
  EXPECT_TRUE(absl::IsPermissionDenied(present)) << present;
  const absl::Status absent = OpenRocksStore(disk.path() + "/other").status();
  EXPECT_TRUE(absl::IsPermissionDenied(absent)) << absent;
  EXPECT_THAT(absent.message(), HasSubstr(disk.path() + "/other"));
}

TEST(RocksStoreTest, AlmostFullDiskIsRefusedBeforeItsEnd) {
  SmallDisk disk(64 << 20);
  if (!disk.mounted()) GTEST_SKIP() << "needs the right to mount a file system";
  auto store = OpenRocksStore(disk.path() + "/state");
  ASSERT_TRUE(store.ok()) << store.status();
  ASSERT_TRUE((*store)->Commit({{"a", "b"}}, true).ok());
  WriteBytes(disk.path() + "/ballast", std::string(40 << 20, 'x'));
  const absl::Status refused = (*store)->Commit({{"a", "c"}}, true);
  EXPECT_TRUE(absl::IsResourceExhausted(refused)) << refused;
  EXPECT_THAT(refused.message(), HasSubstr("free some space"));
  EXPECT_TRUE(absl::IsResourceExhausted((*store)->Reopen()));
  EXPECT_EQ(**(*store)->Get("a"), "b") << "reading goes on";
  ASSERT_TRUE(std::filesystem::remove(disk.path() + "/ballast"));
  ASSERT_TRUE((*store)->Reopen().ok());
  EXPECT_TRUE((*store)->Commit({{"a", "c"}}, true).ok());
}

TEST(RocksStoreTest, FullDiskStopsCommitsUntilReopenedAndLosesNothing) {
  SmallDisk disk(24 << 20);
  if (!disk.mounted()) GTEST_SKIP() << "needs the right to mount a file system";
  RocksStoreOptions options;
  options.write_buffer_bytes = 1 << 20;
  options.free_bytes_min = 0;  // to the very end
  auto store = OpenRocksStore(disk.path() + "/state", options);
  ASSERT_TRUE(store.ok()) << store.status();
  WriteBytes(disk.path() + "/ballast", std::string(4 << 20, 'x'));
  std::mt19937_64 random(1);
  uint64_t committed = 0;
  absl::Status status;
  for (; committed < 10'000; ++committed) {
    std::string value(20'000, '\0');
    for (char& byte : value) byte = static_cast<char>(random());
    value.replace(0, 8, reinterpret_cast<const char*>(&committed), 8);
    status = (*store)->Commit({{IncidentKey(committed), value}}, true);
    if (!status.ok()) break;
  }
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  ASSERT_GT(committed, 100u);
  EXPECT_TRUE(absl::IsFailedPrecondition((*store)->Commit({{"a", "b"}}, true)));
  EXPECT_TRUE((*store)->Get(IncidentKey(0))->has_value()) << "reading goes on";
  // Closing may free some space; if it is not enough for a start, it says so.
  status = (*store)->Reopen();
  if (!status.ok()) {
    EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
    EXPECT_FALSE((*store)->Commit({{"a", "b"}}, true).ok());
  }

  ASSERT_TRUE(std::filesystem::remove(disk.path() + "/ballast"));
  status = (*store)->Reopen();
  ASSERT_TRUE(status.ok()) << status;
  for (uint64_t i = 0; i < committed; ++i) {
    const auto value = (*store)->Get(IncidentKey(i));
    ASSERT_TRUE(value.ok() && value->has_value()) << i;
    EXPECT_EQ((*value)->substr(0, 8), std::string(reinterpret_cast<const char*>(&i), 8));
  }
  EXPECT_TRUE((*store)->Commit({{"a", "b"}}, true).ok());
}

TEST(RocksStoreTest, FileSizeLimitStopsCommitsUntilReopened) {
  TemporaryFolder folder;
  auto store = OpenRocksStore(folder.path());
  ASSERT_TRUE(store.ok());
  const auto ignored = std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit limited{256 << 10, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limited), 0);
  absl::Status status;
  int committed = 0;
  for (; committed < 1'000 && status.ok(); ++committed) {
    status = (*store)->Commit({{IncidentKey(committed), std::string(10'000, 'x')}}, false);
  }
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, ignored);
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_TRUE(absl::IsFailedPrecondition((*store)->Commit({{"a", "b"}}, false)));
  status = (*store)->Reopen();
  ASSERT_TRUE(status.ok()) << status;
  for (int i = 0; i + 1 < committed; ++i) EXPECT_TRUE((*store)->Get(IncidentKey(i))->has_value());
  EXPECT_TRUE((*store)->Commit({{"a", "b"}}, false).ok());
}

TEST(RocksStoreTest, FailedReopenCanBeTriedAgain) {
  TemporaryFolder folder;
  auto store = OpenRocksStore(folder.path());
  ASSERT_TRUE((*store)->Commit(WritesOf(0), false).ok());
  std::filesystem::rename(folder / "CURRENT", folder / "away");
  EXPECT_TRUE(absl::IsDataLoss((*store)->Reopen()));
  EXPECT_TRUE(absl::IsUnavailable((*store)->Get(ModelKey(1)).status()));
  EXPECT_TRUE(absl::IsUnavailable((*store)->Scan("", "", [](auto, auto) { return true; })));
  EXPECT_FALSE((*store)->Commit(WritesOf(1), false).ok());
  EXPECT_FALSE((*store)->Backup(folder / "backup").ok());
  EXPECT_EQ((*store)->bytes(), 0u);
  std::filesystem::rename(folder / "away", folder / "CURRENT");
  ASSERT_TRUE((*store)->Reopen().ok());
  EXPECT_EQ(*(*store)->Get(ModelKey(1)), "0");
  EXPECT_TRUE((*store)->Commit(WritesOf(1), false).ok());
}

TEST(RocksStoreTest, RestartsLeaveFewFiles) {
  TemporaryFolder folder;
  WriteFolder(folder.path(), /*flushed=*/true);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(*ReadFolder(folder.path()), kCommits);
  EXPECT_LT(FindFiles(folder.path(), "", "").size(), 25u);
}

class DamagedFolderTest : public ::testing::Test {
 protected:
  // A fresh copy of a folder with kCommits commits.
  std::string Copy(bool flushed) {
    const std::string original = folder_ / (flushed ? "tables" : "log");
    if (!std::filesystem::exists(original)) WriteFolder(original, flushed);
    CopyFolder(original, folder_ / "copy");
    return folder_ / "copy";
  }
  // The newest log with anything in it.
  static std::string LogOf(const std::string& folder) {
    std::string log;
    for (const std::string& path : FindFiles(folder, "", ".log")) {
      if (std::filesystem::file_size(path) > 0) log = path;
    }
    return log;
  }

  TemporaryFolder folder_;
};

TEST_F(DamagedFolderTest, LogDamagedInItsMiddleIsRefusedUnlessLossIsAccepted) {
  const std::string copy = Copy(/*flushed=*/false);
  const std::string log = LogOf(copy);
  FlipByte(log, std::filesystem::file_size(log) / 2);
  const absl::Status refused = ReadFolder(copy).status();
  EXPECT_TRUE(absl::IsDataLoss(refused)) << refused;
  EXPECT_THAT(refused.message(), HasSubstr(log));
  EXPECT_TRUE(absl::IsDataLoss(ReadFolder(copy).status())) << "refusing changes nothing";
  RocksStoreOptions options;
  options.accept_loss = true;
  const auto commits = ReadFolder(copy, options);
  ASSERT_TRUE(commits.ok()) << commits.status();
  EXPECT_GT(*commits, 0);
  EXPECT_LT(*commits, kCommits);
  EXPECT_EQ(*ReadFolder(copy), *commits) << "once accepted, the folder is whole again";
}

TEST_F(DamagedFolderTest, LogDamagedAnywhereIsRefusedOrLosesTheLastCommitOnly) {
  std::mt19937_64 random(2);
  const uint64_t size = std::filesystem::file_size(LogOf(Copy(/*flushed=*/false)));
  int refused = 0;
  for (int round = 0; round < 60; ++round) {
    const std::string copy = Copy(/*flushed=*/false);
    const uint64_t offset = round < 10 ? size - 1 - round * 10 : random() % size;
    FlipByte(LogOf(copy), offset);
    const auto commits = ReadFolder(copy);
    if (!commits.ok()) {
      EXPECT_TRUE(absl::IsDataLoss(commits.status())) << commits.status();
      ++refused;
    } else {
      EXPECT_EQ(*commits, kCommits - 1) << "byte " << offset << " of " << size;
    }
  }
  EXPECT_GT(refused, 40);
}

TEST_F(DamagedFolderTest, LogCutAnywhereGivesWholeCommits) {
  std::mt19937_64 random(3);
  const uint64_t size = std::filesystem::file_size(LogOf(Copy(/*flushed=*/false)));
  for (int round = 0; round < 40; ++round) {
    const std::string copy = Copy(/*flushed=*/false);
    // The first record says which data format it is; a folder without it and with keys is foreign.
    const uint64_t kept = 100 + random() % (size - 100);
    std::filesystem::resize_file(LogOf(copy), kept);
    const auto commits = ReadFolder(copy);
    ASSERT_TRUE(commits.ok()) << commits.status();
    EXPECT_LT(*commits, kCommits);
  }
}

TEST_F(DamagedFolderTest, TablesAndTheirListDamagedAnywhereAreNeverBelieved) {
  std::mt19937_64 random(4);
  int refused = 0;
  for (const auto& [begin, end] :
       std::map<std::string, std::string>{{"", ".sst"}, {"MANIFEST", ""}, {"CURRENT", ""}}) {
    for (int round = 0; round < 25; ++round) {
      const std::string copy = Copy(/*flushed=*/true);
      const std::string file = FindFiles(copy, begin, end).back();
      FlipByte(file, random() % std::filesystem::file_size(file));
      const auto commits = ReadFolder(copy);
      if (commits.ok()) {
        EXPECT_EQ(*commits, kCommits) << file;
      } else {
        EXPECT_TRUE(absl::IsDataLoss(commits.status())) << commits.status();
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, 40);
}

TEST_F(DamagedFolderTest, MissingOrCutFilesAreRefused) {
  for (const auto& [begin, end] :
       std::map<std::string, std::string>{{"", ".sst"}, {"MANIFEST", ""}, {"CURRENT", ""}}) {
    std::string copy = Copy(/*flushed=*/true);
    std::filesystem::remove(FindFiles(copy, begin, end).back());
    const absl::Status missing = ReadFolder(copy).status();
    EXPECT_TRUE(absl::IsDataLoss(missing)) << begin << end << ": " << missing;
    EXPECT_THAT(missing.message(), HasSubstr(copy));
  }
  for (const auto& [begin, end] :
       std::map<std::string, std::string>{{"", ".sst"}, {"CURRENT", ""}}) {
    const std::string copy = Copy(/*flushed=*/true);
    const std::string file = FindFiles(copy, begin, end).back();
    std::filesystem::resize_file(file, std::filesystem::file_size(file) / 2);
    const absl::Status cut = ReadFolder(copy).status();
    EXPECT_TRUE(absl::IsDataLoss(cut)) << begin << end << ": " << cut;
  }
}

}  // namespace
}  // namespace faultline
