#include "daemon/edge/ingest/stream_producer.h"

#include <gtest/gtest.h>

#include "daemon/edge/ingest/request.h"
#include "tests/daemon/edge/ingest/fake_intake.h"

namespace faultline {
namespace {

v1::Hello Hello(const std::string& id, uint64_t epoch) {
  v1::Hello hello;
  hello.set_producer_id(id);
  hello.set_epoch(epoch);
  return hello;
}

class StreamProducerTest : public ::testing::Test {
 protected:
  Admission Submit(uint64_t sequence) {
    auto batch = std::make_unique<EventBatch>();
    return producer_.Submit(sequence, &batch, [](const BatchResult&) {});
  }

  FakeIntake intake_;
  StreamProducer producer_{&intake_};
};

TEST_F(StreamProducerTest, AFencedEpochIsToldWhichOne) {
  const AdmissionRefusal refused = RefusalOf(Admission::kFenced, {"p", 3, 1}, 0);
  EXPECT_EQ(refused.refusal.message,
            "this producer is at a larger epoch; epoch 3 is fenced off; restart the producer with "
            "a larger epoch");
}

TEST_F(StreamProducerTest, NamedProducerContinuesAfterItsCommittedSequence) {
  ASSERT_TRUE(producer_.Greet(Hello("p", 1)).ok());
  EXPECT_EQ(Submit(1), Admission::kAccepted);
  EXPECT_EQ(Submit(2), Admission::kAccepted);
  EXPECT_EQ(producer_.next(), 3u);
  EXPECT_EQ(intake_.Take().back().name.producer_id, "p");

  StreamProducer reconnected(&intake_);
  EXPECT_FALSE(reconnected.greeted());
  const absl::StatusOr<uint64_t> committed = reconnected.Greet(Hello("p", 1));
  ASSERT_TRUE(committed.ok());
  EXPECT_TRUE(reconnected.greeted());
  EXPECT_EQ(*committed, 2u);
  EXPECT_EQ(reconnected.next(), 3u);
}

TEST_F(StreamProducerTest, AnonymousProducerMustSendItsSequencesInOrder) {
  ASSERT_TRUE(producer_.Greet(Hello("", 0)).ok());
  EXPECT_EQ(Submit(2), Admission::kOutOfOrder);
  EXPECT_EQ(intake_.attempts(), 0u) << "admission does not check anonymous sequences";
  EXPECT_NE(producer_.RefusalOf(Admission::kOutOfOrder, 2)
                .refusal.message.find("the next sequence of this stream is 1"),
            std::string::npos);
  EXPECT_EQ(Submit(1), Admission::kAccepted);
  EXPECT_EQ(Submit(2), Admission::kAccepted);
}

TEST_F(StreamProducerTest, InvalidHelloOpensNothing) {
  EXPECT_EQ(producer_.Greet(Hello("two\nlines", 1)).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(producer_.greeted());
  StreamProducer later(&intake_);
  ASSERT_TRUE(later.Greet(Hello("p", 2)).ok());
  EXPECT_EQ(producer_.Greet(Hello("p", 1)).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(producer_.greeted());
}

}  // namespace
}  // namespace faultline
