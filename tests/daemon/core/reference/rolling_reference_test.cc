#include "daemon/core/reference/rolling_reference.h"

#include <gtest/gtest.h>

#include <cmath>

#include "daemon/core/reference/learning.h"
#include "detectors/evidence/reference_law.h"
#include "tests/daemon/core/core_run.h"

namespace faultline::testing {
namespace {

std::vector<double> Normals(uint32_t count, uint64_t seed, double shift = 0, double scale = 1) {
  Numbers numbers(seed);
  std::vector<double> values(count);
  for (double& value : values) value = shift + scale * numbers.Normal();
  return values;
}

Summary Counted(const Shape& shape, const std::vector<double>& values) {
  Summary summary(&shape);
  summary.CountNumbers(values, nullptr, {0, static_cast<uint32_t>(values.size())});
  return summary;
}

std::string Bytes(const Summary& summary) {
  std::string bytes;
  summary.Encode(&bytes);
  return bytes;
}

TEST(RollingReferenceTest, HoldsTheLastPanesAndNoMore) {
  const Shape shape = MakeNumericShape(Normals(1'000, 1), 3, {.quantiles = true});
  for (const uint32_t length : {1u, 8u, 40u}) {
    RollingReference rolling(&shape);
    EXPECT_EQ(rolling.panes(), 0u);
    for (uint32_t pane = 0; pane < 200; ++pane) {
      rolling.Add(Counted(shape, Normals(10, pane)), kStart + pane * kSecond,
                  kStart + (pane + 1) * kSecond, length);
      const uint32_t section = (length + 7) / 8;
      EXPECT_LE(rolling.panes(), 8 * section);
      EXPECT_GE(rolling.panes(), std::min(pane + 1, 7 * section));
      EXPECT_EQ(rolling.merged().rows(), 10 * rolling.panes());
      EXPECT_EQ(rolling.end_ns(), kStart + (pane + 1) * kSecond);
      EXPECT_EQ(rolling.end_ns() - rolling.begin_ns(),
                static_cast<int64_t>(rolling.panes()) * kSecond);
    }
    EXPECT_LT(rolling.memory_bytes(), 100'000u);
  }
}

TEST(RollingReferenceTest, SlotsGiveItBackInAnyOrderAndItGoesOnTheSame) {
  const Shape shape = MakeNumericShape(Normals(1'000, 1), 3, {.quantiles = true});
  RollingReference plain(&shape);
  auto stored = std::make_unique<RollingReference>(&shape);
  for (uint32_t pane = 0; pane < 90; ++pane) {
    for (RollingReference* rolling : {&plain, stored.get()}) {
      rolling->Add(Counted(shape, Normals(20, pane)), pane, pane + 1, 16);
      if (pane == 60) rolling->DropSince(57);
    }
    auto restored = std::make_unique<RollingReference>(&shape);
    for (uint32_t i = 0; i < RollingReference::kSections; ++i) {
      const uint32_t slot = (i * 3 + pane) % RollingReference::kSections;
      if (stored->Empty(slot)) continue;
      std::string bytes;
      Encoder out(&bytes);
      stored->EncodeSlot(slot, &out);
      Decoder in(bytes);
      ASSERT_TRUE(restored->DecodeSlot(slot, &in));
      ASSERT_TRUE(in.Done());
      for (size_t size = 0; size < bytes.size(); ++size) {
        RollingReference damaged(&shape);
        Decoder cut(std::string_view(bytes).substr(0, size));
        ASSERT_FALSE(damaged.DecodeSlot(slot, &cut)) << size;
        if (pane % 30 != 0) break;
      }
      RollingReference elsewhere(&shape);
      Decoder wrong(bytes);
      ASSERT_FALSE(elsewhere.DecodeSlot((slot + 1) % RollingReference::kSections, &wrong));
    }
    stored = std::move(restored);
    ASSERT_EQ(stored->panes(), plain.panes());
    ASSERT_EQ(Bytes(stored->merged()), Bytes(plain.merged())) << pane;
  }
}

TEST(RollingReferenceTest, DropSinceTakesOutWhatCameAfter) {
  const Shape shape = MakeNumericShape(Normals(1'000, 1), 3, {});
  RollingReference rolling(&shape);
  for (int64_t pane = 0; pane < 16; ++pane) {
    rolling.Add(Counted(shape, Normals(10, 1, pane < 11 ? 0 : 3)), pane * 10, pane * 10 + 10, 16);
  }
  // Sections of two panes: the one of panes 10 and 11 goes as a whole.
  EXPECT_NE(rolling.DropSince(110), 0u);
  EXPECT_EQ(rolling.panes(), 10u);
  EXPECT_EQ(rolling.end_ns(), 100);
  EXPECT_EQ(rolling.merged().largest(), Counted(shape, Normals(10, 1)).largest());
  EXPECT_EQ(rolling.DropSince(110), 0u);
  EXPECT_NE(rolling.DropSince(-1), 0u);
  EXPECT_EQ(rolling.panes(), 0u);
  EXPECT_EQ(rolling.merged().rows(), 0u);
  EXPECT_EQ(rolling.Add(Counted(shape, Normals(10, 1)), 500, 510, 16), 1u) << "it begins anew";
}

// Counts of the new bins are those that counting the same values anew with the new boundaries
// gives.
TEST(RollingReferenceTest, BinsOfPanesCountTheSameValues) {
  const Shape before = MakeNumericShape(Normals(2'000, 1), 3, {});
  for (const auto& [shift, scale] : std::vector<std::pair<double, double>>{
           {0, 1}, {0.7, 1}, {0, 0.2}, {0.3, 2.5}, {40, 1}, {2, 0}}) {
    const std::vector<double> values = Normals(3'000, 2, shift, scale);
    const Summary panes = Counted(before, values);
    std::vector<uint32_t> cell_of;
    const Shape shape = ShapeOfPanes(before, panes, 4, &cell_of);
    std::string encoded;
    shape.Encode(&encoded);
    ASSERT_TRUE(Shape::Decode(encoded).ok());
    Summary made(&shape);
    made.MergeInto(panes, cell_of);
    const Summary anew = Counted(shape, values);
    EXPECT_EQ(std::vector(made.cells().begin(), made.cells().end()),
              std::vector(anew.cells().begin(), anew.cells().end()))
        << shift << " " << scale;
    EXPECT_EQ(made.moments(), anew.moments());
    EXPECT_EQ(made.under() + made.over(), 0u) << "its range is its own";
    EXPECT_EQ(shape.low, panes.least());
    EXPECT_EQ(shape.high, panes.largest());
    if (shape.bins() > 1) {
      for (uint32_t bin = 0; bin < shape.bins(); ++bin) EXPECT_GE(made.cells()[bin], kBinRowsAim);
    }
  }
}

// With the rows at hand the law of the same values would be learnt; a carried one may only be more
// careful: it promises at least as much.
TEST(RollingReferenceTest, ACarriedLawCostsAtLeastWhatTheRowsWould) {
  const auto learnt = [](const std::vector<double>& values, uint32_t version) {
    return SignalReference::OfNumbers(values, nullptr, {}, version, {});
  };
  const auto before = learnt(Normals(5'000, 1), 1);
  for (const auto& [shift, scale] :
       std::vector<std::pair<double, double>>{{0, 1}, {0.5, 1}, {0.2, 1.4}}) {
    const std::vector<double> values = Normals(5'000, 2, shift, scale);
    const auto promoted = SignalReference::OfPanes(*before, Counted(before->shape(), values), 2);
    EXPECT_EQ(promoted->version(), 2u);
    EXPECT_EQ(promoted->law().rows, 5'000u);
    const auto exact = learnt(values, 2);
    int used = 0;
    for (size_t i = 0; i < exact->law().mean_bets.size(); ++i) {
      const TiltedBet& bet = promoted->law().mean_bets[i];
      EXPECT_EQ(bet.rate, before->law().mean_bets[i].rate);
      EXPECT_GE(bet.cost, before->law().mean_bets[i].cost);
      if (!std::isfinite(bet.cost)) continue;
      ++used;
      // A sample of the same law costs the same up to its sampling error.
      EXPECT_GE(bet.cost, exact->law().mean_bets[i].cost - 0.1 * bet.rate * bet.rate) << i;
    }
    EXPECT_GE(used, 8);
  }
  // A tenth of the rows: the smallest bets are left out.
  const auto few = SignalReference::OfPanes(*before, Counted(before->shape(), Normals(100, 3)), 2);
  EXPECT_TRUE(std::isinf(few->law().mean_bets[0].cost));
  const auto constant =
      SignalReference::OfPanes(*before, Counted(before->shape(), std::vector<double>(300, 1)), 2);
  EXPECT_TRUE(constant->shape().constant());
  for (const TiltedBet& bet : constant->law().mean_bets) EXPECT_TRUE(std::isinf(bet.cost));
}

}  // namespace
}  // namespace faultline::testing
