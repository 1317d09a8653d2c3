#include "storage/rocks/rocks_backup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <thread>

#include "storage/memory_store.h"
#include "storage/rocks/rocks_store.h"
#include "storage/tables/keys.h"
#include "tests/storage/files.h"
#include "tests/storage/temporary_folder.h"

namespace faultline {
namespace {

using ::testing::HasSubstr;

class BackupTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = OpenRocksStore(folder_ / "state");
    ASSERT_TRUE(opened.ok()) << opened.status();
    store_ = *std::move(opened);
    for (uint64_t i = 0; i < 100; ++i) {
      ASSERT_TRUE(store_->Commit({{IncidentKey(i), std::string(1'000, 'x')}}, false).ok());
    }
  }

  TemporaryFolder folder_;
  std::unique_ptr<Store> store_;
};

TEST_F(BackupTest, RestoredFolderHoldsWhatWasThereWhenItWasMade) {
  absl::Status status = store_->Backup(folder_ / "backup");
  ASSERT_TRUE(status.ok()) << status;
  ASSERT_TRUE(store_->Commit({{"later", "x"}, {IncidentKey(0), std::nullopt}}, true).ok());
  const auto reading = VerifyBackup(folder_ / "backup");
  ASSERT_TRUE(reading.ok()) << reading.status();
  EXPECT_EQ(reading->keys, 101u) << "and the data format";
  store_.reset();
  std::filesystem::remove_all(folder_ / "state");

  status = RestoreBackup(folder_ / "backup", folder_ / "restored");
  ASSERT_TRUE(status.ok()) << status;
  auto restored = OpenRocksStore(folder_ / "restored");
  ASSERT_TRUE(restored.ok()) << restored.status();
  EXPECT_EQ(*(*restored)->Get("later"), std::nullopt);
  for (uint64_t i = 0; i < 100; ++i) EXPECT_TRUE((*restored)->Get(IncidentKey(i))->has_value());
  ASSERT_TRUE((*restored)->Commit({{"a", "b"}}, true).ok());
  EXPECT_EQ(VerifyBackup(folder_ / "backup")->keys, 101u) << "the backup stays as it was";
}

TEST_F(BackupTest, IsConsistentWhileCommitsGoOn) {
  std::atomic<bool> done{false};
  std::thread committer([&] {
    for (uint64_t i = 0; !done; ++i) {
      const std::string value = std::to_string(i);
      EXPECT_TRUE(store_->Commit({{ModelKey(1), value}, {ModelKey(2), value}}, false).ok());
    }
  });
  for (int i = 0; i < 5; ++i) {
    const std::string backup = folder_ / ("backup" + std::to_string(i));
    const absl::Status status = store_->Backup(backup);
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_TRUE(RestoreBackup(backup, backup + ".restored").ok());
    auto restored = OpenRocksStore(backup + ".restored");
    ASSERT_TRUE(restored.ok()) << restored.status();
    EXPECT_EQ(*(*restored)->Get(ModelKey(1)), *(*restored)->Get(ModelKey(2)));
  }
  done = true;
  committer.join();
}

TEST_F(BackupTest, BackupAndRestoredFolderAreForTheirOwnerAlone) {
  ASSERT_TRUE(store_->Backup(folder_ / "backup").ok());
  ASSERT_TRUE(RestoreBackup(folder_ / "backup", folder_ / "restored").ok());
  for (const char* name : {"backup", "restored"}) {
    struct stat found {};
    ASSERT_EQ(::stat((folder_ / name).c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 0777, 0700u) << name;
  }
  EXPECT_EQ(FindFiles(folder_.path(), "", ".partial").size(), 0u);
}

TEST_F(BackupTest, TargetsThatExistAreRefused) {
  ASSERT_TRUE(store_->Backup(folder_ / "backup").ok());
  EXPECT_TRUE(absl::IsAlreadyExists(store_->Backup(folder_ / "backup")));
  EXPECT_TRUE(absl::IsAlreadyExists(store_->Backup(folder_ / "state")));
  EXPECT_TRUE(absl::IsAlreadyExists(RestoreBackup(folder_ / "backup", folder_ / "state")));
  EXPECT_TRUE(absl::IsNotFound(RestoreBackup(folder_ / "nothing", folder_ / "restored")));
  EXPECT_TRUE(absl::IsNotFound(VerifyBackup(folder_ / "nothing").status()));
  EXPECT_TRUE(store_->Commit({{"a", "b"}}, true).ok());
}

TEST_F(BackupTest, DamageIsFoundAndNotRestored) {
  ASSERT_TRUE(store_->Backup(folder_ / "backup").ok());
  for (const std::string& file : FindFiles(folder_ / "backup", "", "")) {
    const std::string name = std::filesystem::path(file).filename();
    if (std::filesystem::file_size(file) == 0 || name.starts_with("OPTIONS")) continue;
    CopyFolder(folder_ / "backup", folder_ / "copy");
    FlipByte(folder_ / "copy/" + name, std::filesystem::file_size(file) / 2);
    const absl::Status status = RestoreBackup(folder_ / "copy", folder_ / "restored");
    EXPECT_TRUE(absl::IsDataLoss(status)) << name << ": " << status;
    EXPECT_FALSE(std::filesystem::exists(folder_ / "restored"));
  }
}

TEST(MemoryBackupTest, IsRefused) {
  TemporaryFolder folder;
  EXPECT_TRUE(absl::IsFailedPrecondition(NewMemoryStore()->Backup(folder / "backup")));
}

}  // namespace
}  // namespace faultline
