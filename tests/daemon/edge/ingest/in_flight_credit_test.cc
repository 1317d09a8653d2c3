#include "daemon/edge/ingest/in_flight_credit.h"

#include <gtest/gtest.h>

namespace faultline {
namespace {

TEST(InFlightCredit, IsExhaustedByBytesAndComesBackWithCommits) {
  InFlightCredit credit(100);
  EXPECT_TRUE(credit.unused());
  credit.Take(60);
  EXPECT_FALSE(credit.unused());
  EXPECT_FALSE(credit.exhausted());
  credit.Take(60);  // the last batch may exceed the credit
  EXPECT_TRUE(credit.exhausted());
  credit.Return(60);
  EXPECT_FALSE(credit.exhausted());
  credit.Return(60);
  EXPECT_TRUE(credit.unused());
}

TEST(InFlightCredit, IsExhaustedByManyEmptyBatches) {
  InFlightCredit credit(100);
  for (uint32_t i = 1; i < InFlightCredit::kBatchesMax; ++i) credit.Take(0);
  EXPECT_FALSE(credit.exhausted());
  credit.Take(0);
  EXPECT_TRUE(credit.exhausted());
}

}  // namespace
}  // namespace faultline
