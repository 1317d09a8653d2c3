#include "daemon/runtime/producer_sequences.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "storage/tables/keys.h"

namespace faultline {
namespace {

constexpr int64_t kNow = 1'000'000'000;

Admission Check(ProducerSequences* marks, const std::string& id, uint64_t epoch, uint64_t sequence,
                uint64_t* expected = nullptr) {
  uint64_t ignored = 0;
  return marks->Check({id, epoch, sequence}, kNow, expected == nullptr ? &ignored : expected);
}

void AdmitAll(ProducerSequences* marks, const std::string& id, uint64_t epoch, uint64_t last) {
  for (uint64_t sequence = 1; sequence <= last; ++sequence) {
    ASSERT_EQ(Check(marks, id, epoch, sequence), Admission::kAccepted);
    marks->Admit({id, epoch, sequence}, kNow);
  }
}

TEST(ProducerSequences, OnlyTheNextSequenceIsAdmitted) {
  ProducerSequences marks(10);
  uint64_t expected = 0;
  EXPECT_EQ(Check(&marks, "a", 1, 2, &expected), Admission::kOutOfOrder);
  EXPECT_EQ(expected, 1u);
  AdmitAll(&marks, "a", 1, 3);
  EXPECT_EQ(Check(&marks, "a", 1, 3, &expected), Admission::kDuplicate);
  EXPECT_EQ(Check(&marks, "a", 1, 0, &expected), Admission::kOutOfOrder);
  EXPECT_EQ(Check(&marks, "a", 1, 5, &expected), Admission::kOutOfOrder);
  EXPECT_EQ(expected, 4u);
}

TEST(ProducerSequences, ALargerEpochShutsOutTheSmaller) {
  ProducerSequences marks(10);
  AdmitAll(&marks, "a", 1, 3);
  EXPECT_EQ(Check(&marks, "a", 2, 1), Admission::kAccepted);
  EXPECT_EQ(Check(&marks, "a", 1, 4), Admission::kFenced);
  EXPECT_EQ(marks.Greet("a", 1, kNow).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(marks.Greet("a", 2, kNow).value(), 0u);
}

TEST(ProducerSequences, GreetTellsWhatIsCommittedNotWhatIsAdmitted) {
  ProducerSequences marks(10);
  AdmitAll(&marks, "a", 1, 3);
  std::vector<StateWrite> writes;
  marks.TakeCheckpoint(&writes);
  AdmitAll(&marks, "b", 1, 1);
  EXPECT_EQ(marks.Greet("a", 1, kNow).value(), 0u);
  marks.Committed();
  EXPECT_EQ(marks.Greet("a", 1, kNow).value(), 3u);
  EXPECT_EQ(marks.Greet("b", 1, kNow).value(), 0u);
}

TEST(ProducerSequences, RestoreGivesBackWhatWasCut) {
  ProducerSequences marks(10);
  AdmitAll(&marks, "a", 7, 3);
  AdmitAll(&marks, "b", 1, 1);
  std::vector<StateWrite> writes;
  marks.TakeCheckpoint(&writes);
  ASSERT_EQ(writes.size(), 2u);
  ProducerSequences restored(10);
  for (const StateWrite& write : writes) {
    ASSERT_TRUE(restored.Restore(ParseKey(write.key)->producer_id, *write.value, kNow).ok());
  }
  EXPECT_EQ(restored.Greet("a", 7, kNow).value(), 3u);
  EXPECT_EQ(Check(&restored, "a", 7, 4), Admission::kAccepted);
  writes.clear();
  restored.TakeCheckpoint(&writes);
  EXPECT_TRUE(writes.empty()) << "what did not move is not written again";
  EXPECT_EQ(restored.Restore("c", "nonsense", kNow).code(), absl::StatusCode::kDataLoss);
}

TEST(ProducerSequences, WhatIsBeingCommittedDoesNotGiveWay) {
  ProducerSequences marks(1);
  ASSERT_TRUE(marks.Greet("a", 1, kNow).ok());
  std::vector<StateWrite> writes;
  marks.TakeCheckpoint(&writes);
  uint64_t expected = 0;
  const int64_t later = kNow + ProducerSequences::kIdleNs;  // of a disk that was full meanwhile
  EXPECT_EQ(marks.Check({"b", 1, 1}, later, &expected), Admission::kLimit);
  marks.Committed();
  EXPECT_EQ(marks.Check({"b", 1, 1}, later, &expected), Admission::kAccepted);
}

TEST(ProducerSequences, ANewEpochBetweenCutAndCommitBeginsAtZero) {
  ProducerSequences marks(10);
  AdmitAll(&marks, "a", 1, 3);
  std::vector<StateWrite> writes;
  marks.TakeCheckpoint(&writes);
  AdmitAll(&marks, "a", 2, 2);
  marks.Committed();
  EXPECT_EQ(marks.Greet("a", 2, kNow).value(), 0u);
  writes.clear();
  marks.TakeCheckpoint(&writes);
  EXPECT_EQ(writes.size(), 1u);
  marks.Committed();
  EXPECT_EQ(marks.Greet("a", 2, kNow).value(), 2u);
}

// A mark that gave way would let its producer's batches in a second time.
TEST(ProducerSequences, ARestoredMarkHasNotRested) {
  ProducerSequences marks(1);
  AdmitAll(&marks, "a", 1, 3);
  std::vector<StateWrite> writes;
  marks.TakeCheckpoint(&writes);
  ASSERT_EQ(writes.size(), 1u);
  ProducerSequences restored(1);
  // The clock counts from the start of the machine, which was days ago.
  const int64_t now_ns = 100 * ProducerSequences::kIdleNs;
  ASSERT_TRUE(restored.Restore("a", *writes[0].value, now_ns).ok());
  uint64_t expected = 0;
  EXPECT_EQ(restored.Check({"b", 1, 1}, now_ns + 1, &expected), Admission::kLimit);
  EXPECT_EQ(restored.Greet("a", 1, now_ns + 1).value(), 3u);
}

TEST(ProducerSequences, AFullTableMakesRoomForNewOnesOnlyByTheLongRested) {
  ProducerSequences marks(2);
  AdmitAll(&marks, "a", 1, 1);
  AdmitAll(&marks, "b", 1, 1);
  EXPECT_EQ(Check(&marks, "c", 1, 1), Admission::kLimit);
  EXPECT_EQ(marks.Greet("c", 1, kNow).status().code(), absl::StatusCode::kResourceExhausted);
  std::vector<StateWrite> writes;
  marks.TakeCheckpoint(&writes);
  marks.Committed();
  uint64_t expected = 0;
  const int64_t later = kNow + ProducerSequences::kIdleNs;
  EXPECT_EQ(marks.Check({"c", 1, 1}, later, &expected), Admission::kAccepted);
  EXPECT_EQ(marks.size(), 2u);
  writes.clear();
  marks.TakeCheckpoint(&writes);
  std::map<std::string, bool> kept;
  for (const StateWrite& write : writes) {
    kept[ParseKey(write.key)->producer_id] = write.value.has_value();
  }
  EXPECT_EQ(kept, (std::map<std::string, bool>{{"a", false}, {"c", true}}));
}

}  // namespace
}  // namespace faultline
