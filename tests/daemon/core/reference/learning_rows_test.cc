#include <gtest/gtest.h>

#include "daemon/core/reference/learning.h"
#include "tests/daemon/core/core_run.h"

namespace faultline::testing {
namespace {

std::string Bytes(const SignalReference& reference) {
  std::string bytes;
  Encoder out(&bytes);
  reference.Encode(&out);
  return bytes;
}

// Rows with gaps, as they come in runs of any length.
LearningRows Learnt(SignalType type, uint32_t rows) {
  Numbers numbers(4);
  LearningRows learnt(type);
  while (learnt.rows() < rows) {
    const uint32_t take =
        std::min(rows - learnt.rows(), 1 + static_cast<uint32_t>(numbers.Next(90)));
    std::vector<double> values(take);
    std::vector<uint32_t> codes(take);
    std::vector<std::string> dictionary;
    for (int i = 0; i < 10; ++i) dictionary.push_back("c" + std::to_string(numbers.Next(500)));
    std::vector<uint64_t> nulls((take + 63) / 64);
    for (uint32_t i = 0; i < take; ++i) {
      values[i] = numbers.Normal();
      codes[i] = static_cast<uint32_t>(numbers.Next(10));
      if (numbers.Next(5) == 0) nulls[i / 64] |= uint64_t{1} << (i % 64);
    }
    if (numbers.Next(7) == 0) {
      learnt.AddMissing(take);
    } else if (type == SignalType::kNumeric) {
      learnt.AddNumbers(values, nulls.data(), {0, take});
    } else {
      learnt.AddCategories(codes, dictionary, nulls.data(), {0, take});
    }
  }
  return learnt;
}

TEST(LearningRowsTest, ChunksGiveTheSameRowsBack) {
  for (const SignalType type : {SignalType::kNumeric, SignalType::kCategorical}) {
    for (const uint32_t rows : {1u, 127u, 128u, 129u, 1'000u}) {
      const LearningRows learnt = Learnt(type, rows);
      LearningRows restored(type);
      for (uint32_t chunk = 0; chunk * kLearningChunkRows < rows; ++chunk) {
        std::string bytes;
        Encoder out(&bytes);
        learnt.EncodeChunk(chunk, &out);
        Decoder in(bytes);
        ASSERT_TRUE(restored.DecodeChunk(&in));
        ASSERT_TRUE(in.Done());
        // Encoding the decoded rows gives the same bytes.
        std::string again;
        Encoder out_again(&again);
        restored.EncodeChunk(chunk, &out_again);
        ASSERT_EQ(again, bytes);
      }
      EXPECT_EQ(restored.rows(), rows);
      EXPECT_EQ(restored.dictionary_bytes(), learnt.dictionary_bytes());
      EXPECT_EQ(Bytes(*restored.MakeReference(1, {})), Bytes(*learnt.MakeReference(1, {})));
    }
  }
}

TEST(LearningRowsTest, DamagedChunksAreRefused) {
  const LearningRows learnt = Learnt(SignalType::kCategorical, 100);
  std::string bytes;
  Encoder out(&bytes);
  learnt.EncodeChunk(0, &out);
  for (size_t size = 0; size < bytes.size(); ++size) {
    LearningRows restored(SignalType::kCategorical);
    Decoder in(std::string_view(bytes).substr(0, size));
    EXPECT_FALSE(restored.DecodeChunk(&in)) << size;
  }
}

TEST(LearningRowsTest, MissingRowsAreInTheReference) {
  LearningRows learnt(SignalType::kNumeric);
  const std::vector<double> values = {1, 2, 3, 4};
  const uint64_t nulls = 0b0010;
  learnt.AddNumbers(values, &nulls, {0, 4});
  learnt.AddMissing(2);
  const auto reference = learnt.MakeReference(3, {});
  EXPECT_EQ(reference->version(), 3u);
  EXPECT_EQ(reference->summary().rows(), 6u);
  EXPECT_EQ(reference->summary().missing(), 3u);
  EXPECT_EQ(reference->shape().low, 1);
  EXPECT_EQ(reference->shape().high, 4);
  std::vector<uint64_t> hashes;
  const RowColumn column = learnt.AsRowColumn("x", &hashes);
  EXPECT_TRUE(column.IsMissing(1));
  EXPECT_TRUE(std::isnan(column.Number(1)));
  EXPECT_EQ(column.Number(2), 3);
}

TEST(LearningRowsTest, StringsThatNeverOccurAreNoCategories) {
  LearningRows learnt(SignalType::kCategorical);
  const std::vector<uint32_t> codes = {0, 2, 2};
  const std::vector<std::string> dictionary = {"a", "unused", "b"};
  learnt.AddCategories(codes, dictionary, nullptr, {0, 3});
  const auto reference = learnt.MakeReference(1, {});
  EXPECT_EQ(reference->shape().categories, (std::vector<std::string>{"b", "a"}));
}

}  // namespace
}  // namespace faultline::testing
