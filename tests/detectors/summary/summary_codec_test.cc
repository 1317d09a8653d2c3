#include <gtest/gtest.h>

#include <algorithm>

#include "detectors/summary/summary.h"
#include "tests/support/streams.h"

namespace faultline {
namespace {

using testing::HostileStreams;
using testing::Normals;
using testing::Random;

std::string Bytes(const Summary& summary) {
  std::string bytes;
  summary.Encode(&bytes);
  return bytes;
}

Shape Categories() {
  const std::vector<std::string> names = {"red", "green", "blue"};
  const std::vector<uint64_t> counts = {50, 30, 20};
  return MakeCategoricalShape(names, counts, 3, {.quantiles = false, .distinct = true});
}

// Summaries of every sort, with their shapes kept alive beside them.
struct Sample {
  std::unique_ptr<Shape> shape;
  std::vector<Summary> summaries;
};

std::vector<Sample> Samples() {
  std::vector<Sample> samples;
  for (const bool sketches : {false, true}) {
    samples.push_back({std::make_unique<Shape>(MakeNumericShape(
                           Normals(1, 3000), 2, {.quantiles = sketches, .distinct = sketches})),
                       {}});
    Sample& sample = samples.back();
    sample.summaries.emplace_back(sample.shape.get());
    for (const uint32_t rows : {1u, 64u, 256u, 2047u, 2048u, 5000u}) {
      for (const testing::HostileStream& stream : HostileStreams(rows)) {
        sample.summaries.emplace_back(sample.shape.get());
        sample.summaries.back().CountNumbers(stream.values, nullptr, {0, rows});
        sample.summaries.back().CountMissing(rows / 3);
      }
    }
  }
  samples.push_back({std::make_unique<Shape>(Categories()), {}});
  Sample& sample = samples.back();
  Random random(9);
  for (const uint32_t rows : {0u, 1u, 100u, 20000u}) {
    std::vector<std::string> dictionary = {"red", "blue", "green", std::string(200, 'x')};
    for (uint32_t i = 0; i < rows; ++i) dictionary.push_back("new" + std::to_string(i));
    std::vector<uint32_t> codes;
    for (uint32_t i = 0; i < rows; ++i) {
      codes.push_back(static_cast<uint32_t>(random.Below(dictionary.size())));
    }
    CategoryMap map;
    map.Assign(*sample.shape, dictionary);
    sample.summaries.emplace_back(sample.shape.get());
    sample.summaries.back().CountCategories(codes, map, nullptr, {0, rows});
  }
  return samples;
}

TEST(SummaryCodec, WhatIsReadBackEncodesToTheSameBytes) {
  for (const Sample& sample : Samples()) {
    for (const Summary& summary : sample.summaries) {
      const std::string bytes = Bytes(summary);
      const auto read = Summary::Decode(sample.shape.get(), bytes);
      ASSERT_TRUE(read.ok()) << read.status();
      EXPECT_EQ(Bytes(*read), bytes);
      EXPECT_EQ(read->rows(), summary.rows());
      EXPECT_TRUE(std::ranges::equal(read->cells(), summary.cells()));
      EXPECT_EQ(read->moments(), summary.moments());
      EXPECT_EQ(read->sub_sums(), summary.sub_sums());
      EXPECT_EQ(read->least(), summary.least());
      EXPECT_EQ(read->largest(), summary.largest());
    }
  }
}

TEST(SummaryCodec, GoesOnCountingAsIfNeverWritten) {
  const Shape shape = MakeNumericShape(Normals(1, 3000), 2, {.quantiles = true, .distinct = true});
  const std::vector<double> values = Normals(2, 6000);
  Summary steady(&shape);
  Summary restarted(&shape);
  Random random(3);
  for (uint32_t begin = 0; begin < 6000;) {
    const uint32_t end = std::min<uint32_t>(6000, begin + 1 + random.Below(300));
    steady.CountNumbers(values, nullptr, {begin, end});
    restarted.CountNumbers(values, nullptr, {begin, end});
    auto read = Summary::Decode(&shape, Bytes(restarted));
    ASSERT_TRUE(read.ok()) << read.status();
    restarted = std::move(*read);
    ASSERT_EQ(Bytes(restarted), Bytes(steady)) << end;
    begin = end;
  }
}

TEST(SummaryCodec, CutBytesAreRefused) {
  for (const Sample& sample : Samples()) {
    for (const Summary& summary : sample.summaries) {
      const std::string bytes = Bytes(summary);
      const size_t step = std::max<size_t>(1, bytes.size() / 97);
      for (size_t size = 0; size < bytes.size(); size += step) {
        ASSERT_FALSE(Summary::Decode(sample.shape.get(), bytes.substr(0, size)).ok()) << size;
      }
      ASSERT_FALSE(Summary::Decode(sample.shape.get(), bytes + '\0').ok());
    }
  }
}

TEST(SummaryCodec, DamagedBytesNeverCrash) {
  Random random(21);
  for (const Sample& sample : Samples()) {
    for (const Summary& summary : sample.summaries) {
      for (int round = 0; round < 30; ++round) {
        std::string bytes = Bytes(summary);
        for (uint64_t flips = 1 + random.Below(4); flips > 0; --flips) {
          bytes[random.Below(bytes.size())] = static_cast<char>(random.Bits());
        }
        auto read = Summary::Decode(sample.shape.get(), bytes);
        if (!read.ok()) continue;
        // What passes for a summary must behave as one.
        read->Merge(summary);
        read->CountMissing(1);
        EXPECT_FALSE(Bytes(*read).empty());
      }
    }
  }
}

TEST(SummaryCodec, RandomBytesNeverCrash) {
  Random random(22);
  for (const Sample& sample : Samples()) {
    for (int round = 0; round < 3000; ++round) {
      std::string bytes = {1, static_cast<char>(sample.shape->version)};
      for (uint64_t i = random.Below(200); i > 0; --i) {
        bytes.push_back(static_cast<char>(random.Below(3) == 0 ? random.Bits() : random.Below(4)));
      }
      (void)Summary::Decode(sample.shape.get(), bytes);
    }
  }
}

TEST(SummaryCodec, AnotherShapeVersionIsRefused) {
  const Shape old_shape = MakeNumericShape(Normals(1, 3000), 1, {});
  const Shape new_shape = MakeNumericShape(Normals(1, 3000), 2, {});
  const auto read = Summary::Decode(&new_shape, Bytes(Summary(&old_shape)));
  EXPECT_EQ(read.status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(SummaryCodec, PanesAreSmall) {
  const Shape shape = MakeNumericShape(Normals(1, 20000), 1, {});
  ASSERT_EQ(shape.bins(), 60u);
  const std::vector<double> values = Normals(2, 256);
  Summary pane(&shape);
  EXPECT_LE(Bytes(pane).size(), 8u);
  pane.CountNumbers(values, nullptr, {0, 256});
  EXPECT_LE(Bytes(pane).size(), 140u);
  EXPECT_LE(pane.memory_bytes(), 1600u);
}

TEST(Categories, AreCountedByName) {
  const Shape shape = Categories();
  const std::vector<std::string> dictionary = {"blue", "mauve", "red", "cyan"};
  const std::vector<uint32_t> codes = {0, 0, 1, 2, 3, 1, 1, 2};
  const uint64_t nulls = 1 << 7;
  CategoryMap map;
  map.Assign(shape, dictionary);
  Summary summary(&shape);
  summary.CountCategories(codes, map, &nulls, {0, 8});
  EXPECT_TRUE(std::ranges::equal(summary.cells(), std::vector<uint64_t>{1, 0, 2, 0, 4, 1, 0}));
  const std::vector<TopK::Entry> top = summary.unseen_top().Ranked();
  ASSERT_EQ(top.size(), 2u);
  EXPECT_EQ(top[0].label, "mauve");
  EXPECT_EQ(top[0].count, 3u);
  EXPECT_EQ(top[1].label, "cyan");
  EXPECT_NEAR(summary.distinct()->Estimate(), 4, 0.1);
}

TEST(Categories, RareOnesOfTheReferenceShareOther) {
  std::vector<std::string> names;
  std::vector<uint64_t> counts;
  for (int i = 0; i < 1000; ++i) {
    names.push_back("c" + std::to_string(i));
    counts.push_back(static_cast<uint64_t>(2000 - i));
  }
  const Shape shape = MakeCategoricalShape(names, counts, 1, {});
  ASSERT_EQ(shape.categories.size(), kShapeCategoriesMax);
  const std::vector<std::string> dictionary = {"c0", "c255", "c256", "c999", "c1000"};
  CategoryMap map;
  map.Assign(shape, dictionary);
  EXPECT_TRUE(std::ranges::equal(map.cells(), std::vector<uint32_t>{0, 255, 256, 256, 257}));
}

}  // namespace
}  // namespace faultline
