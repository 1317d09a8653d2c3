#include "detectors/stats/sliding_ks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <deque>

#include "detectors/stats/samples.h"
#include "tests/support/streams.h"

namespace faultline {
namespace {

using testing::Normals;
using testing::Random;

void ExpectExact(const std::vector<double>& reference, const std::vector<double>& values,
                 uint32_t window) {
  SlidingKolmogorovSmirnov sliding(reference, window);
  std::vector<double> sorted = reference;
  std::sort(sorted.begin(), sorted.end());
  std::deque<double> last;
  for (size_t i = 0; i < values.size(); ++i) {
    sliding.Push(values[i]);
    last.push_back(values[i]);
    if (last.size() > window) last.pop_front();
    if (last.size() < window) {
      ASSERT_FALSE(sliding.full());
      continue;
    }
    std::vector<double> now(last.begin(), last.end());
    std::sort(now.begin(), now.end());
    ASSERT_EQ(sliding.Steps(), KolmogorovSmirnovSteps(sorted, now)) << i;
  }
}

TEST(SlidingKs, IsExactAtEveryStep) {
  for (const size_t rows : {1, 2, 7, 64, 100, 1000}) {
    for (const uint32_t window : {1u, 3u, 50u}) {
      ExpectExact(Normals(rows, rows), Normals(2, 400, 0.4, 1.3), window);
    }
  }
}

TEST(SlidingKs, IsExactWithTies) {
  Random random(3);
  std::vector<double> reference;
  std::vector<double> values;
  for (int i = 0; i < 300; ++i) reference.push_back(static_cast<double>(random.Below(7)));
  for (int i = 0; i < 600; ++i) values.push_back(static_cast<double>(random.Below(11)) / 1.5 - 1);
  ExpectExact(reference, values, 40);
  ExpectExact(std::vector<double>(20, 5.0), values, 40);
  ExpectExact({-0.0, 0.0, 1e308, -1e308, 5e-324}, {0.0, -0.0, 1e308, 5e-324, -1e308, 3}, 2);
}

TEST(SlidingKs, GoesOnFromItsWindow) {
  const std::vector<double> reference = Normals(4, 500);
  const std::vector<double> values = Normals(5, 900, 0.2);
  SlidingKolmogorovSmirnov straight(reference, 128);
  straight.Push(values);
  for (const size_t cut : {50, 128, 700}) {
    SlidingKolmogorovSmirnov first(reference, 128);
    first.Push(std::span(values).first(cut));
    SlidingKolmogorovSmirnov second(reference, 128);
    second.Push(first.Window());
    second.Push(std::span(values).subspan(cut));
    EXPECT_EQ(second.Steps(), straight.Steps());
    EXPECT_EQ(second.Window(), straight.Window());
  }
  EXPECT_TRUE(std::isnan(SlidingKolmogorovSmirnov(reference, 2).Distance()));
}

}  // namespace
}  // namespace faultline
