#include "detectors/summary/shape.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/support/streams.h"

namespace faultline {
namespace {

using testing::Normals;
using testing::Random;

std::string Bytes(const Shape& shape) {
  std::string bytes;
  shape.Encode(&bytes);
  return bytes;
}

std::vector<uint64_t> BinCounts(const Shape& shape, std::span<const double> values) {
  std::vector<uint64_t> counts(shape.bins());
  for (const double x : values) {
    const auto above = std::upper_bound(shape.boundaries.begin(), shape.boundaries.end(), x);
    const size_t bin = static_cast<size_t>(above - shape.boundaries.begin()) - 1;
    ++counts[std::min<size_t>(bin, counts.size() - 1)];
  }
  return counts;
}

TEST(NumericShape, CutsEqualShares) {
  const std::vector<double> values = Normals(1, 6000);
  const Shape shape = MakeNumericShape(values, 1, {});
  ASSERT_EQ(shape.bins(), kBinsMax);
  for (const uint64_t count : BinCounts(shape, values)) EXPECT_EQ(count, 100u);
  EXPECT_EQ(shape.low, *std::min_element(values.begin(), values.end()));
  EXPECT_EQ(shape.high, *std::max_element(values.begin(), values.end()));
  EXPECT_NEAR(shape.center, 0, 0.05);
  EXPECT_NEAR(shape.scale, 1, 0.05);
}

TEST(NumericShape, TellsEveryFrequentValueApart) {
  // Flags, small counts, and a heavy zero among continuous values.
  const std::vector<double> flags = {0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0};
  EXPECT_EQ(MakeNumericShape(flags, 1, {}).boundaries, (std::vector<double>{0, 0.5, 1}));
  std::vector<double> counts;
  for (int i = 0; i < 700; ++i) counts.push_back(i % 7);
  EXPECT_EQ(MakeNumericShape(counts, 1, {}).boundaries,
            (std::vector<double>{0, 0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6}));
  std::vector<double> mixed = Normals(3, 1000, 10);
  mixed.resize(4000, 0.0);
  mixed.push_back(-5);
  const Shape shape = MakeNumericShape(mixed, 1, {});
  const std::vector<uint64_t> bins = BinCounts(shape, mixed);
  EXPECT_EQ(*std::max_element(bins.begin(), bins.end()), 3000u);  // the zeros and nothing else
  EXPECT_GT(bins.size(), 50u);
}

TEST(NumericShape, DoesNotDependOnTheOrder) {
  std::vector<double> values = Normals(1, 999);
  for (size_t i = 0; i < values.size(); i += 3) values[i] = i % 2 == 0 ? 0.0 : -0.0;
  const std::string expected = Bytes(MakeNumericShape(values, 1, {}));
  Random random(5);
  for (int round = 0; round < 20; ++round) {
    for (size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[random.Below(i)]);
    ASSERT_EQ(Bytes(MakeNumericShape(values, 1, {})), expected);
  }
}

TEST(NumericShape, ConstantReferenceIsOnePoint) {
  const std::vector<double> values(50, 0.00347);
  const Shape shape = MakeNumericShape(values, 1, {});
  EXPECT_EQ(shape.boundaries, (std::vector<double>{0.00347, 0.00347}));
  EXPECT_TRUE(shape.constant());
  EXPECT_EQ(shape.center, 0.00347);
  EXPECT_EQ(shape.scale, 1);
}

TEST(NumericShape, WithoutAFiniteValueHasNoBoundaries) {
  const std::vector<double> values = {std::nan(""), std::numeric_limits<double>::infinity()};
  const Shape shape = MakeNumericShape(values, 1, {});
  EXPECT_EQ(shape.bins(), 0u);
  EXPECT_FALSE(shape.constant());
}

TEST(NumericShape, ScaleIsRobust) {
  std::vector<double> values = Normals(1, 10000);
  values[5] = 1e12;
  values[6] = -1e15;
  EXPECT_NEAR(MakeNumericShape(values, 1, {}).scale, 1, 0.05);
  for (const testing::HostileStream& stream : testing::HostileStreams(400)) {
    const Shape shape = MakeNumericShape(stream.values, 1, {});
    EXPECT_GT(shape.scale, 0) << stream.name;
    EXPECT_TRUE(std::isfinite(shape.scale)) << stream.name;
    EXPECT_TRUE(std::isfinite(shape.center)) << stream.name;
    EXPECT_LE(shape.bins(), kBinsMax) << stream.name;
    const auto read = Shape::Decode(Bytes(shape));
    EXPECT_TRUE(read.ok()) << stream.name << read.status();
  }
}

TEST(CategoricalShape, RanksByCountThenByBytes) {
  const std::vector<std::string> names = {"pear", "apple", "fig", "never", "fig"};
  const std::vector<uint64_t> counts = {5, 5, 3, 0, 4};
  const Shape shape = MakeCategoricalShape(names, counts, 1, {});
  EXPECT_EQ(shape.categories, (std::vector<std::string>{"fig", "apple", "pear"}));
}

std::vector<Shape> Shapes() {
  std::vector<Shape> shapes = {MakeNumericShape({}, 1, {}),
                               MakeNumericShape(Normals(1, 5000), 7, {true, true}),
                               MakeNumericShape(std::vector<double>(9, 1.0), 1u << 31, {})};
  std::vector<std::string> names;
  for (int i = 0; i < 400; ++i) names.push_back("category " + std::to_string(i));
  const std::vector<uint64_t> counts(names.size(), 3);
  shapes.push_back(MakeCategoricalShape(names, counts, 9, {false, true}));
  shapes.push_back(MakeCategoricalShape({}, {}, 9, {}));
  return shapes;
}

TEST(ShapeCodec, ReadsBackWhatItWrote) {
  for (const Shape& shape : Shapes()) {
    const auto read = Shape::Decode(Bytes(shape));
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(Bytes(*read), Bytes(shape));
    EXPECT_EQ(read->boundaries, shape.boundaries);
    EXPECT_EQ(read->low, shape.low);
    EXPECT_EQ(read->high, shape.high);
    EXPECT_EQ(read->categories, shape.categories);
    EXPECT_EQ(read->category_cells.size(), shape.category_cells.size());
    EXPECT_EQ(read->other_hashes, shape.other_hashes);
    EXPECT_EQ(read->sketches, shape.sketches);
  }
}

TEST(ShapeCodec, RefusesWhatIsCutOrBreaksARule) {
  Random random(8);
  for (const Shape& shape : Shapes()) {
    const std::string bytes = Bytes(shape);
    for (size_t size = 0; size < bytes.size(); ++size) {
      ASSERT_FALSE(Shape::Decode(bytes.substr(0, size)).ok());
    }
    for (int round = 0; round < 500; ++round) {
      std::string damaged = bytes;
      damaged[random.Below(damaged.size())] = static_cast<char>(random.Bits());
      (void)Shape::Decode(damaged);
    }
  }
  Shape shape = MakeNumericShape(Normals(1, 500), 1, {});
  std::swap(shape.boundaries[3], shape.boundaries[4]);
  EXPECT_FALSE(Shape::Decode(Bytes(shape)).ok());
  shape = MakeNumericShape(Normals(1, 500), 1, {});
  shape.scale = 0;
  EXPECT_FALSE(Shape::Decode(Bytes(shape)).ok());
}

}  // namespace
}  // namespace faultline
