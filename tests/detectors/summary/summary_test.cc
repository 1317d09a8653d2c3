#include "detectors/summary/summary.h"

#include <gtest/gtest.h>
#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "detectors/summary/binning.h"
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

uint32_t All(std::span<const double> values) { return static_cast<uint32_t>(values.size()); }

Summary Counted(const Shape& shape, std::span<const double> values) {
  Summary summary(&shape);
  summary.CountNumbers(values, nullptr, {0, All(values)});
  return summary;
}

// The contract in its plainest words: where a value belongs, from the boundaries alone.
size_t CellByWords(const Shape& shape, double x) {
  const size_t bins = shape.boundaries.empty() ? 0 : shape.boundaries.size() - 1;
  if (std::isnan(x) || std::isinf(x)) return bins + 3;
  if (bins == 0 || x > shape.boundaries.back()) return bins + 1;
  if (x < shape.boundaries.front()) return bins;
  if (x == shape.boundaries.back()) return bins - 1;
  const auto above = std::upper_bound(shape.boundaries.begin(), shape.boundaries.end(), x);
  return static_cast<size_t>(above - shape.boundaries.begin()) - 1;
}

// Shapes of 1 to 60 bins, each with values on, just beside and between its boundaries.
std::vector<Shape> Shapes() {
  std::vector<Shape> shapes;
  for (const size_t rows : {0, 1, 2, 20, 37, 150, 299, 300, 5000}) {
    shapes.push_back(MakeNumericShape(Normals(rows + 1, rows), 1, {}));
  }
  for (const testing::HostileStream& stream : HostileStreams(500)) {
    shapes.push_back(MakeNumericShape(stream.values, 1, {}));
  }
  const std::vector<double> extremes = {std::numeric_limits<double>::lowest(),
                                        std::numeric_limits<double>::max()};
  shapes.push_back(MakeNumericShape(extremes, 1, {}));
  return shapes;
}

std::vector<double> ProbesOf(const Shape& shape, uint64_t seed) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  std::vector<double> probes;
  for (const testing::HostileStream& stream : HostileStreams(64)) {
    probes.insert(probes.end(), stream.values.begin(), stream.values.end());
  }
  for (const double boundary : shape.boundaries) {
    for (const double x : {boundary, std::nextafter(boundary, kInfinity),
                           std::nextafter(boundary, -kInfinity), -boundary}) {
      probes.push_back(x);
    }
  }
  Random random(seed);
  for (int i = 0; i < 500; ++i) probes.push_back(shape.center + shape.scale * random.Normal());
  for (int i = 0; i < 500; ++i) probes.push_back(std::bit_cast<double>(random.Bits()));
  for (size_t i = probes.size(); i > 1; --i) std::swap(probes[i - 1], probes[random.Below(i)]);
  return probes;
}

TEST(CountNumbers, PutsEveryValueWhereTheBoundariesSay) {
  for (const Shape& shape : Shapes()) {
    const std::vector<double> probes = ProbesOf(shape, 5);
    std::vector<uint64_t> expected(shape.bins() + 4);
    for (const double x : probes) ++expected[CellByWords(shape, x)];
    const Summary summary = Counted(shape, probes);
    const std::vector<uint64_t> cells(summary.cells().begin(), summary.cells().end());
    ASSERT_EQ(cells, expected) << shape.bins() << " bins";
    // One value at a time goes another way and must come to the same.
    Summary single(&shape);
    for (uint32_t i = 0; i < probes.size(); ++i) single.CountNumbers(probes, nullptr, {i, i + 1});
    ASSERT_EQ(Bytes(single), Bytes(summary));
  }
}

TEST(CountNumbers, EveryKernelGivesTheSameBits) {
  for (const Shape& shape : Shapes()) {
    std::vector<double> probes = ProbesOf(shape, 6);
    std::erase_if(probes, [](double x) { return !std::isfinite(x); });
    const BoundaryTable table(shape);
    for (uint32_t count = 0; count < 70; ++count) {
      std::vector<std::string> results;
      for (const CountingKernel& kernel : CountingKernels()) {
        std::vector<uint32_t> hits(BoundaryTable::kSlots + 1);
        RunTotals totals{.least = 1e308, .largest = -1e308};
        kernel.count(table, probes.data() + count, count, hits.data(), &totals);
        std::string bytes(reinterpret_cast<const char*>(hits.data()), hits.size() * 4);
        for (const uint64_t word :
             {std::bit_cast<uint64_t>(totals.sum), std::bit_cast<uint64_t>(totals.sum_of_squares),
              std::bit_cast<uint64_t>(totals.least + 0.0),
              std::bit_cast<uint64_t>(totals.largest + 0.0)}) {
          bytes.append(reinterpret_cast<const char*>(&word), sizeof word);
        }
        results.push_back(bytes);
      }
      for (const std::string& result : results) ASSERT_EQ(result, results[0]) << count;
    }
  }
}

TEST(CountNumbers, KernelsSeeWhatIsNotFinite) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (const CountingKernel& kernel : CountingKernels()) {
    for (size_t at = 0; at < 19; ++at) {
      for (const double bad : {std::nan(""), -std::nan(""), kInfinity, -kInfinity}) {
        std::vector<double> values(19, std::numeric_limits<double>::max());
        ASSERT_TRUE(kernel.all_finite(values.data(), 19)) << kernel.name;
        values[at] = bad;
        ASSERT_FALSE(kernel.all_finite(values.data(), 19)) << kernel.name << at;
      }
    }
  }
}

TEST(FixedPoint, RoundsHalfToEvenAndClips) {
  EXPECT_EQ(FixedPoint(0.5 / kUnit, 0, 1), 0);
  EXPECT_EQ(FixedPoint(1.5 / kUnit, 0, 1), 2);
  EXPECT_EQ(FixedPoint(-2.5 / kUnit, 0, 1), -2);
  EXPECT_EQ(FixedPoint(3, 1, 2), 16384);
  EXPECT_EQ(FixedPoint(1e300, 0, 1e-300), 256 * 16384);
  EXPECT_EQ(FixedPoint(-1e300, 1e308, 1e-300), -256 * 16384);
}

TEST(Summary, MomentsAreExactSums) {
  const Shape shape = MakeNumericShape(Normals(1, 1000), 1, {});
  const std::vector<double> values = Normals(2, 5000, 0.3, 2);
  const Summary summary = Counted(shape, values);
  __int128 sum = 0;
  __int128 squares = 0;
  for (const double x : values) {
    const double z = std::clamp((x - shape.center) / shape.scale, -kClip, kClip);
    const auto q = static_cast<__int128>(std::nearbyint(z * kUnit));
    sum += q;
    squares += q * q;
  }
  EXPECT_TRUE(summary.moments().sum == sum);
  EXPECT_TRUE(summary.moments().sum_of_squares == squares);
  double mean = 0;
  for (const double x : values) mean += x / 5000;
  double variance = 0;
  for (const double x : values) variance += (x - mean) * (x - mean) / 5000;
  EXPECT_NEAR(summary.mean(), mean, 1e-5);
  EXPECT_NEAR(summary.variance(), variance, 1e-4);
}

TEST(Summary, CountsMissingAndInvalid) {
  const Shape shape = MakeNumericShape(Normals(1, 1000), 1, {});
  std::vector<double> values = Normals(3, 300);
  values[10] = std::nan("");
  values[200] = std::numeric_limits<double>::infinity();
  std::vector<uint64_t> nulls(5);
  for (const uint32_t row : {0, 10, 63, 64, 299}) nulls[row / 64] |= uint64_t{1} << (row % 64);
  Summary summary(&shape);
  summary.CountNumbers(values, nulls.data(), {0, 300});
  summary.CountMissing(7);
  EXPECT_EQ(summary.rows(), 307u);
  EXPECT_EQ(summary.missing(), 12u);
  EXPECT_EQ(summary.invalid(), 1u);  // row 10 is missing, whatever it holds
  EXPECT_EQ(summary.values(), 294u);
  EXPECT_EQ(summary.moments().count, 294u);
}

// Cuts a column with gaps into ranges in every way that matters and expects the same bytes.
TEST(Summary, AnyPartitionOfAStreamGivesTheSameBytes) {
  const Shape shape = MakeNumericShape(Normals(1, 2000), 1, {.quantiles = true, .distinct = true});
  for (testing::HostileStream& stream : HostileStreams(9000)) {
    Random random(4);
    std::vector<uint64_t> nulls(9000 / 64 + 1);
    for (int i = 0; i < 300; ++i) nulls[random.Below(9000) / 64] |= random.Bits() & random.Bits();
    std::string expected;
    for (const uint32_t step : {9000u, 1u, 7u, 64u, 256u, 1000u, 0u}) {
      Summary summary(&shape);
      for (uint32_t begin = 0; begin < 9000;) {
        const uint64_t take = step > 0 ? step : 1 + random.Below(500);
        const uint32_t end = static_cast<uint32_t>(std::min<uint64_t>(9000, begin + take));
        summary.CountNumbers(stream.values, nulls.data(), {begin, end});
        begin = end;
      }
      if (expected.empty()) expected = Bytes(summary);
      ASSERT_EQ(Bytes(summary), expected) << stream.name << " by " << step;
    }
  }
}

TEST(Summary, OrderShowsInSubSumsOnly) {
  const Shape shape = MakeNumericShape(Normals(1, 2000), 1, {.quantiles = false, .distinct = true});
  std::vector<double> values = Normals(2, 3000);
  const Summary before = Counted(shape, values);
  std::sort(values.begin(), values.end());
  const Summary after = Counted(shape, values);
  EXPECT_TRUE(std::ranges::equal(before.cells(), after.cells()));
  EXPECT_EQ(before.moments(), after.moments());
  EXPECT_EQ(before.least(), after.least());
  EXPECT_EQ(before.largest(), after.largest());
  EXPECT_EQ(before.distinct()->Estimate(), after.distinct()->Estimate());
  EXPECT_NE(before.sub_sums(), after.sub_sums());
}

TEST(Summary, MergingPartsIsCountingTheUnion) {
  const Shape shape = MakeNumericShape(Normals(1, 2000), 1, {.quantiles = false, .distinct = true});
  for (const testing::HostileStream& stream : HostileStreams(1000)) {
    const std::span<const double> values = stream.values;
    Summary merged(&shape);
    merged.Merge(Counted(shape, values.subspan(600)));
    merged.Merge(Counted(shape, values.first(100)));
    merged.Merge(Counted(shape, values.subspan(100, 500)));
    Summary whole(&shape);
    whole.Merge(Counted(shape, values));  // sub-sums belong to the pane: not merged
    EXPECT_EQ(Bytes(merged), Bytes(whole)) << stream.name;
  }
}

TEST(Summary, SubtractingIsSummingAgain) {
  const Shape shape = MakeNumericShape(Normals(1, 2000), 1, {.quantiles = true, .distinct = true});
  std::vector<Summary> panes;
  for (uint64_t seed = 10; seed < 20; ++seed) {
    panes.push_back(Counted(shape, Normals(seed, 400, 0.1 * static_cast<double>(seed))));
  }
  Summary slid(&shape);
  for (const Summary& pane : panes) slid.Merge(pane);
  for (size_t i = 0; i < 4; ++i) slid.Subtract(panes[i]);
  slid.ClearSketches();
  Summary summed(&shape);
  for (size_t i = 4; i < panes.size(); ++i) {
    slid.MergeSketches(panes[i]);
    summed.Merge(panes[i]);
  }
  EXPECT_EQ(Bytes(slid), Bytes(summed));
}

TEST(SubSums, AreTheSumsOfConsecutiveRuns) {
  const Shape shape = MakeNumericShape(Normals(1, 2000), 1, {});
  const std::vector<double> values = Normals(2, 5000);
  const Summary summary = Counted(shape, values);
  const std::span<const SubSum> runs = summary.sub_sums().runs();
  ASSERT_LE(runs.size(), kSubSumsMax);
  ASSERT_EQ(summary.sub_sums().run_values(), 256u);  // 64 -> 128 at 2048 -> 256 at 4096
  size_t at = 0;
  for (const SubSum& run : runs) {
    int64_t sum = 0;
    for (uint32_t i = 0; i < run.count; ++i) {
      sum += FixedPoint(values[at++], shape.center, shape.scale);
    }
    EXPECT_EQ(run.sum, sum);
  }
  EXPECT_EQ(at, values.size());
}

TEST(Summary, ClearedIsAsNew) {
  const Shape shape = MakeNumericShape(Normals(1, 2000), 1, {.quantiles = true, .distinct = true});
  Summary summary = Counted(shape, Normals(2, 3000));
  summary.Clear();
  EXPECT_EQ(Bytes(summary), Bytes(Summary(&shape)));
}

}  // namespace
}  // namespace faultline
