#include "daemon/runtime/producer_sequences.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "storage/tables/keys.h"

namespace faultline {
namespace {

constexpr int64_t kNow = 1'000'000'000;

Admission Check(ProducerSequences* sequences, const std::string& id, uint64_t epoch,
                uint64_t sequence, uint64_t* expected = nullptr) {
  uint64_t ignored = 0;
  return sequences->Check({id, epoch, sequence}, kNow, expected == nullptr ? &ignored : expected);
}

void AdmitAll(ProducerSequences* sequences, const std::string& id, uint64_t epoch, uint64_t last) {
  for (uint64_t sequence = 1; sequence <= last; ++sequence) {
    ASSERT_EQ(Check(sequences, id, epoch, sequence), Admission::kAccepted);
    sequences->Admit({id, epoch, sequence}, kNow);
  }
}

TEST(ProducerSequences, OnlyTheNextSequenceIsAdmitted) {
  ProducerSequences sequences(10);
  uint64_t expected = 0;
  EXPECT_EQ(Check(&sequences, "a", 1, 2, &expected), Admission::kOutOfOrder);
  EXPECT_EQ(expected, 1u);
  AdmitAll(&sequences, "a", 1, 3);
  EXPECT_EQ(Check(&sequences, "a", 1, 3, &expected), Admission::kDuplicate);
  EXPECT_EQ(Check(&sequences, "a", 1, 0, &expected), Admission::kOutOfOrder);
  EXPECT_EQ(Check(&sequences, "a", 1, 5, &expected), Admission::kOutOfOrder);
  EXPECT_EQ(expected, 4u);
}

TEST(ProducerSequences, ALargerEpochShutsOutTheSmaller) {
  ProducerSequences sequences(10);
  AdmitAll(&sequences, "a", 1, 3);
  EXPECT_EQ(Check(&sequences, "a", 2, 1), Admission::kAccepted);
  EXPECT_EQ(Check(&sequences, "a", 1, 4), Admission::kFenced);
  EXPECT_EQ(sequences.Greet("a", 1, kNow).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(sequences.Greet("a", 2, kNow).value(), 0u);
}

TEST(ProducerSequences, GreetTellsWhatIsCommittedNotWhatIsAdmitted) {
  ProducerSequences sequences(10);
  AdmitAll(&sequences, "a", 1, 3);
  std::vector<StateWrite> writes;
  sequences.TakeCheckpoint(&writes);
  AdmitAll(&sequences, "b", 1, 1);
  EXPECT_EQ(sequences.Greet("a", 1, kNow).value(), 0u);
  sequences.Committed();
  EXPECT_EQ(sequences.Greet("a", 1, kNow).value(), 3u);
  EXPECT_EQ(sequences.Greet("b", 1, kNow).value(), 0u);
}

TEST(ProducerSequences, RestoreGivesBackTheCheckpoint) {
  ProducerSequences sequences(10);
  AdmitAll(&sequences, "a", 7, 3);
  AdmitAll(&sequences, "b", 1, 1);
  std::vector<StateWrite> writes;
  sequences.TakeCheckpoint(&writes);
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
  ProducerSequences sequences(1);
  ASSERT_TRUE(sequences.Greet("a", 1, kNow).ok());
  std::vector<StateWrite> writes;
  sequences.TakeCheckpoint(&writes);
  uint64_t expected = 0;
  const int64_t later = kNow + ProducerSequences::kIdleNs;  // of a disk that was full meanwhile
  EXPECT_EQ(sequences.Check({"b", 1, 1}, later, &expected), Admission::kLimit);
  sequences.Committed();
  EXPECT_EQ(sequences.Check({"b", 1, 1}, later, &expected), Admission::kAccepted);
}

TEST(ProducerSequences, ANewEpochBetweenCheckpointAndCommitBeginsAtZero) {
  ProducerSequences sequences(10);
  AdmitAll(&sequences, "a", 1, 3);
  std::vector<StateWrite> writes;
  sequences.TakeCheckpoint(&writes);
  AdmitAll(&sequences, "a", 2, 2);
  sequences.Committed();
  EXPECT_EQ(sequences.Greet("a", 2, kNow).value(), 0u);
  writes.clear();
  sequences.TakeCheckpoint(&writes);
  EXPECT_EQ(writes.size(), 1u);
  sequences.Committed();
  EXPECT_EQ(sequences.Greet("a", 2, kNow).value(), 2u);
}

// A forgotten sequence would let its producer's batches in a second time.
TEST(ProducerSequences, ARestoredMarkHasNotRested) {
  ProducerSequences sequences(1);
  AdmitAll(&sequences, "a", 1, 3);
  std::vector<StateWrite> writes;
  sequences.TakeCheckpoint(&writes);
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
  ProducerSequences sequences(2);
  AdmitAll(&sequences, "a", 1, 1);
  AdmitAll(&sequences, "b", 1, 1);
  EXPECT_EQ(Check(&sequences, "c", 1, 1), Admission::kLimit);
  EXPECT_EQ(sequences.Greet("c", 1, kNow).status().code(), absl::StatusCode::kResourceExhausted);
  std::vector<StateWrite> writes;
  sequences.TakeCheckpoint(&writes);
  sequences.Committed();
  uint64_t expected = 0;
  const int64_t later = kNow + ProducerSequences::kIdleNs;
  EXPECT_EQ(sequences.Check({"c", 1, 1}, later, &expected), Admission::kAccepted);
  EXPECT_EQ(sequences.size(), 2u);
  writes.clear();
  sequences.TakeCheckpoint(&writes);
  std::map<std::string, bool> kept;
  for (const StateWrite& write : writes) {
    kept[ParseKey(write.key)->producer_id] = write.value.has_value();
  }
  EXPECT_EQ(kept, (std::map<std::string, bool>{{"a", false}, {"c", true}}));
}

}  // namespace
}  // namespace faultline
