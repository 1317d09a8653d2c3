#include "daemon/edge/ingest/ingestion_hub.h"

#include <gtest/gtest.h>

#include "tests/daemon/edge/ingest/fake_intake.h"
#include "tests/support/wait.h"

namespace faultline {
namespace {

class IngestionHubTest : public ::testing::Test {
 protected:
  IngestionHubTest() : hub_(&intake_, [] { return int64_t{0}; }) { intake_.set_full(true); }

  bool Wait(uint64_t bytes) {
    return hub_.WaitForSpace(bytes, [this] { return !intake_.full(); });
  }
  void FinishWaitingCalls() {
    intake_.set_full(false);
    ASSERT_TRUE(testing::WaitUntil([&] { return hub_.retry_queue.empty(); }));
    intake_.set_full(true);
  }

  FakeIntake intake_;
  IngestionHub hub_;
};

TEST_F(IngestionHubTest, PlacesOfWaitingCallsAreLimitedAndComeBack) {
  for (uint32_t i = 0; i < IngestionHub::kCallsWaitingMax; ++i) ASSERT_TRUE(Wait(1));
  EXPECT_FALSE(Wait(1));
  FinishWaitingCalls();
  EXPECT_TRUE(Wait(1));
}

TEST_F(IngestionHubTest, BytesOfWaitingCallsAreLimitedAndComeBack) {
  const uint64_t bytes_max = intake_.limits().queue_bytes_max / 4;
  EXPECT_TRUE(Wait(bytes_max + 1)) << "a single call may be of any size";
  EXPECT_FALSE(Wait(1));
  FinishWaitingCalls();
  EXPECT_TRUE(Wait(bytes_max));
}

}  // namespace
}  // namespace faultline
