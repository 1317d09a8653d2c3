#include <gtest/gtest.h>
#include <xxhash.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "detectors/summary/distinct.h"
#include "detectors/summary/quantiles.h"
#include "detectors/summary/top_k.h"
#include "tests/support/streams.h"

namespace faultline {
namespace {

using testing::Normals;
using testing::Random;

template <typename Sketch>
std::string Bytes(const Sketch& sketch) {
  std::string bytes;
  Encoder encoder(&bytes);
  sketch.Encode(encoder);
  return bytes;
}

template <typename Sketch>
bool Read(std::string_view bytes, Sketch* sketch) {
  Decoder decoder(bytes);
  return sketch->Decode(decoder) && decoder.Done();
}

uint64_t Hash(uint64_t number) { return XXH3_64bits(&number, sizeof number); }

// The largest distance between a rank by the sketch and by the sorted values, at 200 probes; for
// ties any rank of the value will do.
double WorstRankError(const QuantileSketch& sketch, std::vector<double> values) {
  std::sort(values.begin(), values.end());
  double worst = 0;
  const double n = static_cast<double>(values.size());
  for (size_t i = 0; i < 200; ++i) {
    const double x = values[i * (values.size() - 1) / 199];
    const auto above = std::upper_bound(values.begin(), values.end(), x);
    worst = std::max(worst, std::fabs(sketch.Rank(x) * n - double(above - values.begin())));
    const double q = static_cast<double>(i) / 199;
    const auto range = std::equal_range(values.begin(), values.end(), sketch.Quantile(q));
    const double low = static_cast<double>(range.first - values.begin());
    const double high = static_cast<double>(range.second - values.begin());
    worst = std::max({worst, low - q * n, q * n - high});
  }
  return worst;
}

std::vector<std::vector<double>> Orders(size_t count) {
  std::vector<double> sorted = Normals(4, count);
  std::vector<std::vector<double>> orders = {sorted};
  std::sort(sorted.begin(), sorted.end());
  orders.push_back(sorted);
  orders.emplace_back(sorted.rbegin(), sorted.rend());
  std::vector<double> zigzag;
  for (size_t i = 0; i < count; ++i)
    zigzag.push_back(sorted[i % 2 == 0 ? i / 2 : count - 1 - i / 2]);
  orders.push_back(zigzag);
  std::vector<double> ties;
  for (size_t i = 0; i < count; ++i) ties.push_back(static_cast<double>(i * i % 17));
  orders.push_back(ties);
  std::vector<double> waves;
  for (size_t i = 0; i < count; ++i) waves.push_back(std::sin(0.001 * static_cast<double>(i)));
  orders.push_back(waves);
  return orders;
}

TEST(QuantileSketch, IsExactWhileItKeepsAll) {
  QuantileSketch sketch;
  for (const double x : {5.0, 1.0, 4.0, 2.0, 3.0}) sketch.Add(x);
  EXPECT_EQ(sketch.Quantile(0), 1);
  EXPECT_EQ(sketch.Quantile(0.5), 3);
  EXPECT_EQ(sketch.Quantile(1), 5);
  EXPECT_EQ(sketch.Rank(3.5), 0.6);
  EXPECT_EQ(sketch.rank_error_bound(), 0u);
}

TEST(QuantileSketch, RanksStayWithinTheBounds) {
  for (const size_t count : {size_t{1000}, size_t{30'000}, size_t{1'000'000}}) {
    for (const std::vector<double>& values : Orders(count)) {
      QuantileSketch sketch;
      for (const double x : values) sketch.Add(x);
      const double worst = WorstRankError(sketch, values);
      EXPECT_LE(worst, static_cast<double>(sketch.rank_error_bound()) + 1);
      EXPECT_LE(worst, 0.02 * static_cast<double>(count)) << count;
      EXPECT_EQ(sketch.count(), count);
      EXPECT_LE(Bytes(sketch).size(), 3600u);
      EXPECT_LE(sketch.memory_bytes(), 10000u);
    }
  }
}

TEST(QuantileSketch, MergedPanesStayWithinTheBounds) {
  for (const std::vector<double>& values : Orders(100'000)) {
    QuantileSketch merged;
    for (size_t begin = 0; begin < values.size();) {
      QuantileSketch pane;
      const size_t end = std::min(values.size(), begin + 700 + begin % 1300);
      for (; begin < end; ++begin) pane.Add(values[begin]);
      merged.Merge(pane);
    }
    EXPECT_EQ(merged.count(), values.size());
    const double worst = WorstRankError(merged, values);
    EXPECT_LE(worst, static_cast<double>(merged.rank_error_bound()) + 1);
    EXPECT_LE(worst, 0.02 * static_cast<double>(values.size()));
    EXPECT_LE(Bytes(merged).size(), 3600u);
  }
}

TEST(DistinctSketch, EstimatesWithinFourStandardErrors) {
  DistinctSketch sketch;
  uint64_t added = 0;
  for (const uint64_t count : {1, 10, 100, 1000, 5000, 20'000, 200'000, 2'000'000}) {
    for (; added < count; ++added) sketch.Add(Hash(added));
    const double n = static_cast<double>(count);
    EXPECT_NEAR(sketch.Estimate(), n, count <= 100 ? 0.02 * n + 0.1 : 4 * 0.01625 * n) << count;
  }
  for (uint64_t i = 0; i < 1000; ++i) sketch.Add(Hash(i));
  EXPECT_NEAR(sketch.Estimate(), 2e6, 4 * 0.01625 * 2e6);
  EXPECT_EQ(DistinctSketch().Estimate(), 0);
}

TEST(DistinctSketch, DependsOnTheSetAlone) {
  for (const uint64_t count : {3, 400, 600, 50'000}) {
    DistinctSketch forward;
    DistinctSketch backward;
    DistinctSketch halves;
    DistinctSketch other_half;
    for (uint64_t i = 0; i < count; ++i) forward.Add(Hash(i));
    for (uint64_t i = count; i-- > 0;) backward.Add(Hash(i));
    for (uint64_t i = 0; i < count; ++i) (i % 2 == 0 ? halves : other_half).Add(Hash(i));
    halves.Merge(other_half);
    EXPECT_EQ(Bytes(forward), Bytes(backward));
    EXPECT_EQ(Bytes(forward), Bytes(halves));
    EXPECT_LE(Bytes(forward).size(), 3074u);
  }
  DistinctSketch few;
  for (uint64_t i = 0; i < 10; ++i) few.Add(Hash(i));
  EXPECT_LE(Bytes(few).size(), 40u);
}

TEST(TopK, FindsWhatIsFrequent) {
  TopK top;
  std::map<std::string, uint64_t> truth;
  Random random(6);
  for (int i = 0; i < 50'000; ++i) {
    // Three frequent ones in a flood of rare ones.
    const uint64_t draw = random.Below(100);
    const std::string name = draw < 20   ? "a"
                             : draw < 32 ? "b"
                             : draw < 40 ? "c"
                                         : "rare" + std::to_string(random.Below(40'000));
    ++truth[name];
    top.Add(XXH3_64bits(name.data(), name.size()), name);
  }
  const std::vector<TopK::Entry> ranked = top.Ranked();
  ASSERT_GE(ranked.size(), 3u);
  ASSERT_LE(ranked.size(), TopK::kEntriesMax);
  EXPECT_EQ(ranked[0].label + ranked[1].label + ranked[2].label, "abc");
  for (const TopK::Entry& entry : ranked) {
    EXPECT_LE(entry.count, truth[entry.label]);
    EXPECT_GE(entry.count + top.total() / (TopK::kEntriesMax + 1), truth[entry.label]);
  }
}

TEST(TopK, MergedPanesKeepTheBound) {
  TopK merged;
  std::map<std::string, uint64_t> truth;
  Random random(7);
  for (int pane = 0; pane < 40; ++pane) {
    TopK part;
    for (int i = 0; i < 500; ++i) {
      const std::string name = std::to_string(random.Below(20) * random.Below(20));
      ++truth[name];
      part.Add(XXH3_64bits(name.data(), name.size()), name);
    }
    merged.Merge(part);
    EXPECT_LE(merged.Ranked().size(), TopK::kEntriesMax);
  }
  EXPECT_EQ(merged.total(), 20'000u);
  std::map<std::string, uint64_t> kept;
  for (const TopK::Entry& entry : merged.Ranked()) kept[entry.label] = entry.count;
  for (const auto& [name, count] : truth) {
    EXPECT_LE(kept[name], count);
    EXPECT_GE(kept[name] + merged.total() / (TopK::kEntriesMax + 1), count);
  }
}

TEST(TopK, CutsLabelsBetweenCharacters) {
  TopK top;
  std::string label(63, 'a');
  label += "\xc3\xa9tude";  // the two bytes of an accented letter would be torn at 64
  top.Add(1, label);
  EXPECT_EQ(top.Ranked()[0].label, std::string(63, 'a'));
}

template <typename Sketch>
void ExpectSturdy(const Sketch& sketch, uint64_t seed) {
  const std::string bytes = Bytes(sketch);
  Sketch read;
  ASSERT_TRUE(Read(bytes, &read));
  EXPECT_EQ(Bytes(read), bytes);
  for (size_t size = 0; size < bytes.size(); size += 1 + size / 50) {
    EXPECT_FALSE(Read(bytes.substr(0, size), &read));
    EXPECT_EQ(Bytes(read), Bytes(Sketch()));
  }
  Random random(seed);
  for (int round = 0; round < 2000; ++round) {
    std::string damaged = bytes;
    damaged[random.Below(damaged.size())] = static_cast<char>(random.Bits());
    Sketch merged = sketch;
    if (Read(damaged, &read)) merged.Merge(read);
  }
}

TEST(Sketches, SurviveTheirBytesAndDamage) {
  for (const uint64_t count : {0, 1, 100, 3000, 100'000}) {
    QuantileSketch quantiles;
    DistinctSketch distinct;
    TopK top;
    for (uint64_t i = 0; i < count; ++i) {
      quantiles.Add(static_cast<double>(Hash(i) >> 40));
      distinct.Add(Hash(i));
      top.Add(Hash(i % 23), std::to_string(i % 23));
    }
    ExpectSturdy(quantiles, 1);
    ExpectSturdy(distinct, 2);
    ExpectSturdy(top, 3);
  }
}

}  // namespace
}  // namespace faultline
