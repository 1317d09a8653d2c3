#include "detectors/stats/mix_shift.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "tests/support/streams.h"

namespace faultline {
namespace {

using testing::Random;

// Rows with these shares and means, deviation 1.
std::vector<SliceSums> Draw(Random* random, int rows, const std::vector<double>& shares,
                            const std::vector<double>& means) {
  std::vector<SliceSums> slices(shares.size());
  for (int i = 0; i < rows; ++i) {
    double left = random->Uniform();
    size_t slice = 0;
    while (slice + 1 < shares.size() && left >= shares[slice]) left -= shares[slice++];
    const double value = means[slice] + random->Normal();
    slices[slice].rows += 1;
    slices[slice].sum += value;
    slices[slice].squares += value * value;
  }
  return slices;
}

TEST(MixShiftTest, SplitsWhatIsKnown) {
  // Means 1 and 5; the second has 20 %, later 50 %, and rises to 6.
  const std::vector<SliceSums> before = {{80, 80, 80}, {20, 100, 500}};
  const std::vector<SliceSums> after = {{50, 50, 50}, {50, 300, 1'800}};
  const MixShift split = SplitMixShift(before, after);
  EXPECT_NEAR(split.total.effect, 3.5 - 1.8, 1e-12);
  EXPECT_NEAR(split.mix.effect, -0.3 * 1 + 0.3 * 5.5, 1e-12);
  EXPECT_NEAR(split.within.effect, 0.35 * 1, 1e-12);
  EXPECT_NEAR(split.within_by_slice[1], 0.35, 1e-12);
  EXPECT_NEAR(split.within_by_slice[0], 0, 1e-12);
}

TEST(MixShiftTest, NewAndVanishedCategoriesAreMix) {
  const std::vector<SliceSums> before = {{50, 50, 60}, {50, 150, 460}, {0, 0, 0}, {0, 0, 0}};
  const std::vector<SliceSums> after = {{50, 50, 60}, {0, 0, 0}, {50, 500, 5'010}, {0, 0, 0}};
  const MixShift split = SplitMixShift(before, after);
  EXPECT_NEAR(split.within.effect, 0, 1e-12);
  EXPECT_NEAR(split.mix.effect, 5.5 - 2, 1e-12);
  EXPECT_EQ(split.mix_by_slice[3], 0);
}

TEST(MixShiftTest, WithoutRowsNothingIsKnown) {
  const std::vector<SliceSums> none(2);
  const std::vector<SliceSums> some = {{1, 2, 4}, {0, 0, 0}};
  EXPECT_TRUE(std::isnan(SplitMixShift(none, some).mix.effect));
  EXPECT_TRUE(std::isnan(SplitMixShift(some, none).within.high));
  EXPECT_TRUE(std::isnan(SplitMixShift({}, {}).total.effect));
  EXPECT_NEAR(SplitMixShift(some, some).total.effect, 0, 1e-12);
}

TEST(MixShiftTest, DoesNotChangeWithOrderAndScalesWithTheValues) {
  Random random(4);
  auto before = Draw(&random, 500, {0.5, 0.3, 0.2}, {0, 1, 2});
  auto after = Draw(&random, 500, {0.2, 0.3, 0.5}, {0, 2, 2});
  const MixShift split = SplitMixShift(before, after);
  EXPECT_NEAR(split.mix.effect + split.within.effect, split.total.effect, 1e-12);
  std::swap(before[0], before[2]);
  std::swap(after[0], after[2]);
  const MixShift turned = SplitMixShift(before, after);
  EXPECT_NEAR(turned.mix.high, split.mix.high, 1e-12);
  EXPECT_NEAR(turned.mix_by_slice[2], split.mix_by_slice[0], 1e-12);
  const auto scaled = [](std::vector<SliceSums> slices) {
    for (SliceSums& slice : slices) {  // 3 x + 100
      slice.squares =
          9 * slice.squares + 600 * slice.sum + 10'000 * static_cast<double>(slice.rows);
      slice.sum = 3 * slice.sum + 100 * static_cast<double>(slice.rows);
    }
    return slices;
  };
  const MixShift moved = SplitMixShift(scaled(before), scaled(after));
  EXPECT_NEAR(moved.mix.effect, 3 * turned.mix.effect, 1e-9);
  EXPECT_NEAR(moved.within.low, 3 * turned.within.low, 1e-9);
  EXPECT_NEAR(moved.total.high, 3 * turned.total.high, 1e-9);
  EXPECT_NEAR(moved.mix.low, 3 * turned.mix.low, 1e-9);
}

// Of 2000 draws of one law, 95 % of the intervals hold what is true of it.
TEST(MixShiftTest, IntervalsHoldAsOftenAsTheySay) {
  Random random(9);
  const std::vector<double> p = {0.6, 0.3, 0.1};
  const std::vector<double> q = {0.4, 0.3, 0.3};
  const std::vector<double> m = {0, 1, 3};
  const std::vector<double> k = {0, 1.5, 3};
  double mix = 0;
  double within = 0;
  for (size_t i = 0; i < 3; ++i) {
    mix += (q[i] - p[i]) * (m[i] + k[i]) / 2;
    within += (q[i] + p[i]) * (k[i] - m[i]) / 2;
  }
  int held[3] = {};
  constexpr int kDraws = 2'000;
  for (int i = 0; i < kDraws; ++i) {
    const MixShift split = SplitMixShift(Draw(&random, 400, p, m), Draw(&random, 400, q, k));
    held[0] += split.mix.low <= mix && mix <= split.mix.high;
    held[1] += split.within.low <= within && within <= split.within.high;
    held[2] += split.total.low <= mix + within && mix + within <= split.total.high;
  }
  for (const int count : held) EXPECT_NEAR(count / double{kDraws}, 0.95, 0.015);
}

}  // namespace
}  // namespace faultline
