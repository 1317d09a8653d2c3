#include "storage/tables/incident_id.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <set>
#include <string>

namespace faultline {
namespace {

TEST(IncidentIdTest, TextSortsLikeTheNumberAndComesBack) {
  std::mt19937_64 random(4);
  std::set<uint64_t> ids = {0, 1, 31, 32, std::numeric_limits<uint64_t>::max()};
  while (ids.size() < 5'000) ids.insert(random() >> random() % 64);
  std::string before;
  for (const uint64_t id : ids) {
    const std::string text = FormatIncidentId(id);
    EXPECT_EQ(text.size(), 13u);
    EXPECT_LT(before, text);
    EXPECT_EQ(*ParseIncidentId(text), id);
    before = text;
  }
  EXPECT_EQ(before, "fzzzzzzzzzzzz");
}

TEST(IncidentIdTest, TakesWhatPeopleType) {
  EXPECT_EQ(*ParseIncidentId("00000000000O1"), 1u);
  EXPECT_EQ(*ParseIncidentId("00000000000iL"), 33u);
  EXPECT_EQ(*ParseIncidentId("FZZZZZZZZZZZZ"), std::numeric_limits<uint64_t>::max());
  for (const char* bad :
       {"", "0", "00000000000000", "000000000000u", "g000000000000", "0000000 00000"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseIncidentId(bad).status())) << bad;
  }
}

TEST(IncidentIdTest, PrefixesAreRanges) {
  const auto all = ParseIncidentIdPrefix("");
  EXPECT_EQ(all->first, 0u);
  EXPECT_EQ(all->last, std::numeric_limits<uint64_t>::max());
  std::mt19937_64 random(5);
  for (int i = 0; i < 2'000; ++i) {
    const uint64_t id = random();
    const std::string text = FormatIncidentId(id);
    const std::string prefix = text.substr(0, 1 + random() % 13);
    const auto range = ParseIncidentIdPrefix(prefix);
    EXPECT_TRUE(FormatIncidentId(range->first).starts_with(prefix));
    EXPECT_TRUE(FormatIncidentId(range->last).starts_with(prefix));
    if (range->first > 0) {
      EXPECT_FALSE(FormatIncidentId(range->first - 1).starts_with(prefix));
    }
    if (~range->last != 0) {
      EXPECT_FALSE(FormatIncidentId(range->last + 1).starts_with(prefix));
    }
    EXPECT_TRUE(range->first <= id && id <= range->last);
  }
  EXPECT_FALSE(ParseIncidentIdPrefix("u").ok());
  EXPECT_FALSE(ParseIncidentIdPrefix("00000000000000").ok());
}

}  // namespace
}  // namespace faultline
