#include "detectors/contract/tagged_state.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace faultline {
namespace {

struct Sums {
  double sum = 0;
  uint64_t rows = 0;
};

constexpr uint64_t kTag = 0x7465'0001;
using Bytes = std::array<std::byte, StateBytes(sizeof(Sums) + 2 * sizeof(double))>;

Bytes Written() {
  Sums sums = {2.5, 7};
  std::array<double, 2> more = {-1, 4};
  Bytes bytes{};
  WriteState(kTag, {StatePart(sums), StatePart(more)}, bytes);
  return bytes;
}

bool Reads(uint64_t tag, const Bytes& bytes) {
  Sums sums = {1, 1};
  std::array<double, 2> more = {1, 1};
  const bool ours = ReadState(tag, bytes, {StatePart(sums), StatePart(more)});
  EXPECT_EQ(sums.sum, ours ? 2.5 : 1);
  EXPECT_EQ(sums.rows, ours ? 7u : 1u);
  EXPECT_EQ(more[0], ours ? -1 : 1);
  EXPECT_EQ(more[1], ours ? 4 : 1);
  return ours;
}

TEST(TaggedState, GivesBackWhatWasWritten) { EXPECT_TRUE(Reads(kTag, Written())); }

TEST(TaggedState, OfAnotherTagIsForeign) {
  EXPECT_FALSE(Reads(kTag + 1, Written()));
  EXPECT_FALSE(Reads(uint64_t{kTag} << 32, Written()));
}

TEST(TaggedState, WithAnyBitChangedIsForeign) {
  for (size_t bit = 0; bit < 8 * Bytes().size(); ++bit) {
    Bytes bytes = Written();
    bytes[bit / 8] ^= std::byte{1} << (bit % 8);
    ASSERT_FALSE(Reads(kTag, bytes)) << bit;
  }
}

TEST(TaggedState, OfZerosIsForeign) { EXPECT_FALSE(Reads(kTag, Bytes{})); }

TEST(TaggedState, MayBeChangedInPlaceAndSealedAgain) {
  Bytes bytes = Written();
  StateBody(bytes)[0] ^= std::byte{1};
  EXPECT_FALSE(IsStateOf(kTag, bytes));
  SealState(kTag, bytes);
  EXPECT_TRUE(IsStateOf(kTag, bytes));
}

TEST(TaggedStateDeathTest, PartsFillTheBody) {
  Sums sums;
  std::vector<std::byte> bytes(StateBytes(sizeof sums) + 1);
  EXPECT_DEATH(WriteState(kTag, {StatePart(sums)}, bytes), "the caller asks state_bytes");
}

}  // namespace
}  // namespace faultline
