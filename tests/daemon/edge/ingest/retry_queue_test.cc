#include "daemon/edge/ingest/retry_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include "tests/daemon/edge/ingest/fake_intake.h"
#include "tests/support/wait.h"

namespace faultline {
namespace {

using testing::WaitUntil;

class RetryQueueTest : public ::testing::Test {
 protected:
  // An attempt that succeeds once `may` is true.
  void Join(const std::string& name, const std::atomic<bool>& may) {
    queue_.Join([this, name, &may] {
      if (!may) return false;
      std::lock_guard lock(mutex_);
      in_.push_back(name);
      return true;
    });
  }
  std::vector<std::string> In() {
    std::lock_guard lock(mutex_);
    return in_;
  }

  std::mutex mutex_;
  std::vector<std::string> in_;
  std::atomic<bool> yes_ = true;
  std::atomic<bool> loud_may_ = false;
  FakeIntake intake_;
  RetryQueue queue_{&intake_};
};

TEST_F(RetryQueueTest, AttemptsSucceedInOrder) {
  std::vector<std::string> expected;
  for (int i = 0; i < 10; ++i) {
    Join(std::to_string(i), yes_);
    expected.push_back(std::to_string(i));
  }
  ASSERT_TRUE(WaitUntil([&] { return In().size() == 10; }));
  EXPECT_EQ(In(), expected);
  EXPECT_TRUE(WaitUntil([&] { return queue_.empty(); }));
}

TEST_F(RetryQueueTest, AnAttemptThatFailsDoesNotBlockTheNext) {
  Join("loud", loud_may_);
  for (const char* name : {"b", "c", "d", "e", "f"}) Join(name, yes_);
  ASSERT_TRUE(WaitUntil([&] { return In().size() == 5; }));
  EXPECT_EQ(In(), (std::vector<std::string>{"b", "c", "d", "e", "f"}));
  EXPECT_FALSE(queue_.empty()) << "the first keeps its place";
  loud_may_ = true;
  ASSERT_TRUE(WaitUntil([&] { return queue_.empty(); }));
  EXPECT_EQ(In().back(), "loud");
}

}  // namespace
}  // namespace faultline
