#include "daemon/runtime/watchdog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace faultline {
namespace {

using ::testing::HasSubstr;

class WatchdogTest : public ::testing::Test {
 protected:
  void Look(uint32_t times) {
    for (uint32_t i = 0; i < times; ++i) dog_.Look();
  }

  std::vector<WorkProgress> shards_ = std::vector<WorkProgress>(2);
  Watchdog dog_{[this] { return shards_; }};
};

TEST_F(WatchdogTest, WhoHasNothingToDoMayRest) {
  Look(5 * Watchdog::kDeadLooks);
  EXPECT_TRUE(dog_.health().ok());
}

TEST_F(WatchdogTest, WhoIsSlowIsNotStuck) {
  shards_[1].waiting = true;
  for (int i = 0; i < 20; ++i) {
    ++shards_[1].done;
    Look(Watchdog::kSickLooks);
    EXPECT_TRUE(dog_.health().ok());
  }
}

TEST_F(WatchdogTest, SaysWhoStandsStillUntilItGoesOn) {
  shards_[0] = {.done = 5, .waiting = true};
  shards_[1] = {.done = 7, .waiting = true};
  dog_.Look();
  for (uint32_t i = 0; i < Watchdog::kSickLooks; ++i) {
    EXPECT_TRUE(dog_.health().ok()) << i;
    ++shards_[0].done;
    dog_.Look();
  }
  EXPECT_THAT(dog_.health().message(), HasSubstr("shard 1"));
  ++shards_[1].done;
  dog_.Look();
  EXPECT_TRUE(dog_.health().ok());
}

TEST_F(WatchdogTest, TheEndIsAnAbortWithItsReason) {
  shards_[1] = {.done = 7, .waiting = true};
  Look(Watchdog::kDeadLooks);
  EXPECT_FALSE(dog_.health().ok());
  EXPECT_DEATH(dog_.Look(), "a shard with work makes progress");
}

TEST_F(WatchdogTest, LooksByItself) {
  shards_[0].waiting = true;
  std::mutex mutex;
  std::condition_variable looked;
  int looks = 0;
  Watchdog dog([&] {
    std::lock_guard lock(mutex);
    ++looks;
    looked.notify_one();
    return shards_;
  });
  dog.Start();
  std::unique_lock lock(mutex);
  looked.wait(lock, [&] { return looks >= 2; });
  lock.unlock();
  dog.Stop();
  EXPECT_TRUE(dog.health().ok());
}

}  // namespace
}  // namespace faultline
