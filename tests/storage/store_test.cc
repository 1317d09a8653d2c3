// What every store promises (storage/store.h), on each of them.
#include "storage/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "storage/memory_store.h"
#include "storage/rocks/rocks_store.h"
#include "storage/tables/keys.h"
#include "tests/storage/temporary_folder.h"

namespace faultline {
namespace {

using ::testing::ElementsAre;
using Pairs = std::vector<std::pair<std::string, std::string>>;

enum class Kind { kMemory, kRocks };

class StoreTest : public ::testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    if (GetParam() == Kind::kMemory) {
      store_ = NewMemoryStore();
      return;
    }
    auto opened = OpenRocksStore(folder_ / "state");
    ASSERT_TRUE(opened.ok()) << opened.status();
    store_ = *std::move(opened);
  }

  void Commit(const std::vector<StateWrite>& writes) {
    const absl::Status status = store_->Commit(writes, /*sync=*/false);
    ASSERT_TRUE(status.ok()) << status;
  }

  // Everything but the store's own record of its format.
  Pairs Forwards(const std::string& begin, const std::string& end) const {
    Pairs pairs;
    EXPECT_TRUE(store_->Scan(begin, end, Collect(&pairs)).ok());
    return pairs;
  }
  Pairs Backwards(const std::string& begin, const std::string& end) const {
    Pairs pairs;
    EXPECT_TRUE(store_->ScanBackwards(begin, end, Collect(&pairs)).ok());
    return pairs;
  }
  static std::function<bool(std::string_view, std::string_view)> Collect(Pairs* pairs) {
    return [pairs](std::string_view key, std::string_view value) {
      if (key != GlobalKey(Global::kFormatVersion)) pairs->emplace_back(key, value);
      return true;
    };
  }

  TemporaryFolder folder_;
  std::unique_ptr<Store> store_;
};

INSTANTIATE_TEST_SUITE_P(Stores, StoreTest, ::testing::Values(Kind::kMemory, Kind::kRocks),
                         [](const auto& tested) {
                           return tested.param == Kind::kMemory ? "Memory" : "Rocks";
                         });

TEST_P(StoreTest, GetsWhatWasPutLast) {
  EXPECT_EQ(*store_->Get("a"), std::nullopt);
  Commit({{"a", "1"}, {"b", ""}});
  EXPECT_EQ(*store_->Get("a"), "1");
  EXPECT_EQ(*store_->Get("b"), "") << "an empty value is a value";
  Commit({{"a", "2"}, {"a", "3"}});
  EXPECT_EQ(*store_->Get("a"), "3") << "writes of one commit count in their order";
  Commit({{"a", "4"}, {"a", std::nullopt}, {"never", std::nullopt}});
  EXPECT_EQ(*store_->Get("a"), std::nullopt);
  Commit({});
}

TEST_P(StoreTest, KeysAndValuesAreBytes) {
  const std::string key("\0\xff\n", 3);
  const std::string value("\0\0", 2);
  Commit({{key, value}});
  EXPECT_EQ(*store_->Get(key), value);
  EXPECT_THAT(Forwards(key, ""), ElementsAre(std::pair(key, value)));
}

TEST_P(StoreTest, ScansHalfOpenRangesBothWays) {
  Commit({{"b", "2"}, {"a", "1"}, {"c", "3"}, {"d", "4"}});
  EXPECT_THAT(Forwards("b", "d"), ElementsAre(std::pair("b", "2"), std::pair("c", "3")));
  EXPECT_THAT(Backwards("b", "d"), ElementsAre(std::pair("c", "3"), std::pair("b", "2")));
  EXPECT_THAT(Forwards("c", ""), ElementsAre(std::pair("c", "3"), std::pair("d", "4")));
  EXPECT_THAT(Backwards("c", ""), ElementsAre(std::pair("d", "4"), std::pair("c", "3")));
  EXPECT_TRUE(Forwards("b", "b").empty());
  EXPECT_TRUE(Forwards("d", "b").empty());
  EXPECT_TRUE(Backwards("d", "b").empty());
  EXPECT_TRUE(Forwards("x", "").empty());
}

TEST_P(StoreTest, ScansStopWhenAsked) {
  Commit({{"a", "1"}, {"b", "2"}, {"c", "3"}});
  std::string seen;
  const auto two = [&seen](std::string_view key, std::string_view) {
    seen += key;
    return seen.size() < 2;
  };
  EXPECT_TRUE(store_->Scan("a", "d", two).ok());
  EXPECT_TRUE(store_->ScanBackwards("a", "d", two).ok());
  EXPECT_EQ(seen, "abc") << "two forwards, then one more backwards";
}

TEST_P(StoreTest, ScanSeesOneVersionWhileOthersCommit) {
  Commit({{"k1", "old"}, {"k2", "old"}, {"k3", "old"}});
  int visited = 0;
  EXPECT_TRUE(store_
                  ->Scan("k", "l",
                         [&](std::string_view, std::string_view value) {
                           EXPECT_EQ(value, "old");
                           Commit({{"k2", "new"}, {"k3", std::nullopt}, {"k4", "new"}});
                           ++visited;
                           return true;
                         })
                  .ok());
  EXPECT_EQ(visited, 3);
  EXPECT_THAT(Forwards("k", "l"),
              ElementsAre(std::pair("k1", "old"), std::pair("k2", "new"), std::pair("k4", "new")));
}

TEST_P(StoreTest, ReadersNeverSeePartOfACommit) {
  const auto writes = [](int round) {
    return std::vector<StateWrite>{{"x", std::to_string(round)}, {"y", std::to_string(round)}};
  };
  Commit(writes(0));
  std::atomic<bool> done{false};
  std::thread reader([&] {
    while (!done) {
      const Pairs pairs = Forwards("x", "z");
      ASSERT_EQ(pairs.size(), 2u);
      EXPECT_EQ(pairs[0].second, pairs[1].second);
    }
  });
  for (int round = 1; round < 2'000; ++round) Commit(writes(round));
  done = true;
  reader.join();
}

TEST_P(StoreTest, AgreesWithAMapUnderRandomCommits) {
  std::mt19937_64 random(1);
  std::map<std::string, std::string> expected;
  for (int round = 0; round < 200; ++round) {
    std::vector<StateWrite> writes;
    for (uint64_t i = random() % 20; i > 0; --i) {
      const std::string key =
          OpenPaneKey(random() % 3, 0, static_cast<int64_t>(random() % 9) - 4, 0);
      if (random() % 3 == 0) {
        writes.push_back({key, std::nullopt});
        expected.erase(key);
      } else {
        writes.push_back({key, std::string(random() % 500, static_cast<char>(random()))});
        expected[key] = *writes.back().value;
      }
    }
    Commit(writes);
    if (round % 50 == 49) {
      ASSERT_TRUE(store_->Reopen().ok());
    }
  }
  EXPECT_EQ(Forwards("", ""), Pairs(expected.begin(), expected.end()));
  EXPECT_EQ(Backwards("", ""), Pairs(expected.rbegin(), expected.rend()));
  const KeyRange one = ModelRange(Table::kOpenPane, 1);
  EXPECT_EQ(Forwards(one.begin, one.end),
            Pairs(expected.lower_bound(one.begin), expected.lower_bound(one.end)));
}

TEST_P(StoreTest, StateDigestRangesLeaveOutOnlyWhatPeopleDo) {
  Commit({{ModelKey(1), "m"},
          {IncidentKey(1), "i"},
          {IncidentChangeKey(1), "c"},
          {IncidentBookKey(1), "b"},
          {AlertsKey(1), "a"},
          {GlobalKey(Global::kEpoch), "e"},
          {GlobalKey(Global::kRowTotals), "r"}});
  std::string counted;
  for (const auto& [key, value] : Forwards("", "")) {
    if (CountsInStateDigest(*ParseKey(key))) counted += value;
  }
  EXPECT_EQ(counted, "arm");
}

TEST_P(StoreTest, BytesGrowWithWhatIsStored) {
  const uint64_t before = store_->bytes();
  Commit({{"a", std::string(1 << 20, 'x')}});
  EXPECT_GE(store_->bytes(), before + (1 << 20));
}

}  // namespace
}  // namespace faultline
