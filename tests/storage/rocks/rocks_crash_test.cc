// A process that commits is killed at random points; every acknowledged commit must be stored.
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "storage/rocks/rocks_store.h"
#include "storage/tables/keys.h"
#include "tests/storage/temporary_folder.h"

namespace faultline {
namespace {

constexpr int kAckFile = 3;
constexpr uint64_t kModels = 5;
constexpr const char* kFolderVariable = "FAULTLINE_CRASH_FOLDER";
constexpr const char* kSyncVariable = "FAULTLINE_CRASH_SYNC";

RocksStoreOptions SmallBuffers() {
  RocksStoreOptions options;
  options.write_buffer_bytes = 256 << 10;  // so that kills also fall into flushes and compactions
  return options;
}

std::string ValueOf(uint64_t commit, uint64_t model) {
  std::mt19937_64 random(commit * kModels + model);
  std::string value = std::to_string(commit) + " ";
  for (uint64_t size = random() % 10'000; size > 0; --size) {
    value.push_back(static_cast<char>(random()));
  }
  return value;
}

std::vector<StateWrite> WritesOf(uint64_t commit) {
  std::vector<StateWrite> writes;
  for (uint64_t model = 0; model < kModels; ++model) {
    writes.push_back({ModelKey(model), ValueOf(commit, model)});
  }
  writes.push_back({IncidentKey(commit), "here"});
  if (commit > 50) writes.push_back({IncidentKey(commit - 50), std::nullopt});
  return writes;
}

// The last commit in the store, or 0; the store must hold all of its writes and no others.
uint64_t LastCommit(const Store& store) {
  uint64_t last = 0;
  for (uint64_t model = 0; model < kModels; ++model) {
    const auto value = store.Get(ModelKey(model));
    EXPECT_TRUE(value.ok()) << value.status();
    if (!value.ok() || !value->has_value()) {
      EXPECT_EQ(last, 0u);
      continue;
    }
    const uint64_t commit = std::stoull(**value);
    if (model > 0) {
      EXPECT_EQ(commit, last);
    }
    EXPECT_EQ(**value, ValueOf(commit, model));
    last = commit;
  }
  uint64_t expected = last > 50 ? last - 49 : 1;
  const KeyRange incidents = TableRange(Table::kIncident);
  EXPECT_TRUE(store
                  .Scan(incidents.begin, incidents.end,
                        [&expected](std::string_view key, std::string_view) {
                          EXPECT_EQ(key, IncidentKey(expected++));
                          return true;
                        })
                  .ok());
  EXPECT_EQ(expected, last + 1);
  return last;
}

// Runs in a process of its own, started by the test below: commits without end, and writes each
// commit's number to kAckFile after it.
TEST(CrashedProcess, DISABLED_Commits) {
  const char* folder = ::getenv(kFolderVariable);
  if (folder == nullptr) GTEST_SKIP() << "only as a part of CrashTest";
  auto store = OpenRocksStore(folder, SmallBuffers());
  if (!store.ok()) ::_exit(2);
  const bool sync = ::getenv(kSyncVariable) != nullptr;
  for (uint64_t commit = LastCommit(**store) + 1;; ++commit) {
    if (!(*store)->Commit(WritesOf(commit), sync).ok()) ::_exit(3);
    if (::write(kAckFile, &commit, sizeof commit) != sizeof commit) ::_exit(4);
  }
}

struct Committing {
  pid_t pid = -1;
  int acks = -1;
};

Committing StartCommitting(const std::string& folder, bool sync) {
  int pipe_ends[2];
  EXPECT_EQ(::pipe(pipe_ends), 0);
  const std::string folder_setting = std::string(kFolderVariable) + "=" + folder;
  const std::string sync_setting = std::string(kSyncVariable) + "=1";
  std::vector<char*> environment = {const_cast<char*>(folder_setting.c_str())};
  if (sync) environment.push_back(const_cast<char*>(sync_setting.c_str()));
  environment.push_back(nullptr);
  const char* const arguments[] = {"/proc/self/exe", "--gtest_also_run_disabled_tests",
                                   "--gtest_filter=CrashedProcess.DISABLED_Commits", nullptr};
  Committing committing;
  committing.pid = ::fork();
  if (committing.pid == 0) {
    ::dup2(pipe_ends[1], kAckFile);
    ::execve(arguments[0], const_cast<char* const*>(arguments), environment.data());
    ::_exit(5);
  }
  ::close(pipe_ends[1]);
  committing.acks = pipe_ends[0];
  return committing;
}

// False at the end.
bool ReadAck(int file, uint64_t* commit) {
  uint64_t ack = 0;
  ssize_t size = 0;
  do {
    size = ::read(file, &ack, sizeof ack);
  } while (size < 0 && errno == EINTR);
  if (size != sizeof ack) return false;
  *commit = ack;
  return true;
}

void KillAtRandomPoints(bool sync, int rounds) {
  TemporaryFolder folder;
  std::mt19937_64 random(sync ? 1 : 2);
  uint64_t acknowledged = 0;
  for (int round = 0; round < rounds; ++round) {
    const Committing child = StartCommitting(folder.path(), sync);
    // Some are killed while they still recover.
    const uint64_t acks_wanted = round % 5 == 4 ? 0 : 1 + random() % 150;
    for (uint64_t i = 0; i < acks_wanted; ++i) {
      if (!ReadAck(child.acks, &acknowledged)) break;
    }
    const timespec pause{0, static_cast<long>(random() % 3'000'000)};
    ::nanosleep(&pause, nullptr);
    ::kill(child.pid, SIGKILL);
    while (ReadAck(child.acks, &acknowledged)) {
    }
    ::close(child.acks);
    int ended = 0;
    ::waitpid(child.pid, &ended, 0);
    ASSERT_TRUE(WIFSIGNALED(ended)) << "exit code " << WEXITSTATUS(ended);

    auto store = OpenRocksStore(folder.path(), SmallBuffers());
    ASSERT_TRUE(store.ok()) << "round " << round << ": " << store.status();
    const uint64_t last = LastCommit(**store);
    EXPECT_GE(last, acknowledged) << "round " << round;
    EXPECT_LE(last, acknowledged + 1) << "round " << round;
    acknowledged = last;
  }
  EXPECT_GT(acknowledged, 500u) << "the test must have committed enough to mean anything";
}

TEST(CrashTest, SyncedCommitsSurviveKill) { KillAtRandomPoints(/*sync=*/true, 25); }

TEST(CrashTest, UnsyncedCommitsSurviveKill) { KillAtRandomPoints(/*sync=*/false, 25); }

}  // namespace
}  // namespace faultline
