#include "daemon/edge/decode/replies.h"

#include <gtest/gtest.h>

namespace faultline {
namespace {

BatchResult Applied(uint64_t rows) {
  BatchResult result;
  result.applied_rows = rows;
  return result;
}

BatchResult Rejected(int errors) {
  BatchResult result;
  result.rejected_rows = static_cast<uint64_t>(errors);
  for (int i = 0; i < errors; ++i) result.row_errors.emplace_back().set_message("why");
  return result;
}

TEST(RepliesTest, AcksMeltUntilTaken) {
  Replies replies(100, 250'000'000);
  replies.Commit(1, Applied(3));
  replies.Commit(2, Applied(4));
  const v1::Ack first = replies.Take().ack();
  EXPECT_EQ(first.committed_sequence(), 2u);
  EXPECT_EQ(first.applied_rows(), 7u);
  EXPECT_EQ(first.commit_interval_ms(), 250u);
  EXPECT_EQ(first.credit_bytes(), 100u);
  EXPECT_TRUE(replies.empty());
  replies.Commit(3, Rejected(2));
  const v1::Ack second = replies.Take().ack();
  EXPECT_EQ(second.committed_sequence(), 3u);
  EXPECT_EQ(second.applied_rows(), 0u);
  ASSERT_EQ(second.outcomes_size(), 1);
  EXPECT_EQ(second.outcomes(0).sequence(), 3u);
  EXPECT_EQ(second.outcomes(0).row_errors_size(), 2);
}

TEST(RepliesTest, ADuplicateNeverTakesTheMarkBack) {
  Replies replies(100, 0);
  replies.Welcome(10, true);
  EXPECT_EQ(replies.Take().welcome().durability(), v1::DURABILITY_POWER);
  BatchResult duplicate;
  duplicate.duplicate_rows = 5;
  replies.Commit(4, duplicate);
  const v1::Ack ack = replies.Take().ack();
  EXPECT_EQ(ack.committed_sequence(), 10u);
  ASSERT_EQ(ack.outcomes_size(), 1);
  EXPECT_EQ(ack.outcomes(0).sequence(), 4u);
}

// A client that never reads: 16384 batches in flight, each with every possible error.
TEST(RepliesTest, WhatIsNeverReadIsBounded) {
  Replies replies(100, 0);
  for (uint64_t sequence = 1; sequence <= 16'384; ++sequence) {
    replies.Commit(sequence, Rejected(16));
  }
  EXPECT_TRUE(replies.crowded());
  uint64_t bytes = 0, outcomes = 0, last = 0;
  while (!replies.empty()) {
    const v1::Ack ack = replies.Take().ack();
    // Each answer covers exactly the batches it names, and fits a client's default of 4 MB.
    EXPECT_EQ(ack.outcomes(ack.outcomes_size() - 1).sequence(), ack.committed_sequence());
    EXPECT_LT(ack.ByteSizeLong(), 1u << 20);
    EXPECT_EQ(ack.outcomes(0).sequence(), last + 1);
    last = ack.committed_sequence();
    bytes += ack.SpaceUsedLong();
    outcomes += static_cast<uint64_t>(ack.outcomes_size());
  }
  EXPECT_EQ(outcomes, 16'384u);
  EXPECT_LT(bytes, 24u << 20);
}

}  // namespace
}  // namespace faultline
