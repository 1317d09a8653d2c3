#include "storage/tables/keys.h"

#include <absl/strings/escaping.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

namespace faultline {
namespace {

using ::testing::HasSubstr;

// A key with random fields, small ones and corners among them; only what the table has survives.
Key RandomKey(std::mt19937_64* random) {
  const auto number = [random]() -> uint64_t {
    switch ((*random)() % 4) {
      case 0:
        return (*random)() % 3;
      case 1:
        return std::numeric_limits<uint64_t>::max() - (*random)() % 3;
      case 2:
        return (uint64_t{1} << 63) + (*random)() % 3 - 1;
      default:
        return (*random)();
    }
  };
  Key key;
  key.table = kTables[(*random)() % kTables.size()].tag;
  key.model_hash = number();
  key.stream = static_cast<uint8_t>(number());
  key.pane_index = static_cast<int64_t>(number());
  key.block = static_cast<uint32_t>(number());
  key.reference_version = number();
  key.signal = static_cast<uint32_t>(number());
  key.chunk = static_cast<uint32_t>(number());
  key.index = static_cast<uint32_t>(number());
  key.incident_id = number();
  key.change_sequence = number();
  key.producer_id.assign(1 + (*random)() % 5, static_cast<char>(number()));
  return key;
}

auto FieldsInOrder(const Key& key) {
  // Scores are read by time, so their stream comes after the span.
  const uint8_t before = key.table == Table::kScoreHistory ? 0 : key.stream;
  return std::tuple(static_cast<char>(key.table), key.model_hash, key.incident_id, before,
                    key.pane_index, key.stream, key.reference_version, key.block, key.signal,
                    key.chunk, key.index, key.change_sequence, key.producer_id);
}

TEST(KeysTest, ParsedKeysBuildTheSameBytes) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 20'000; ++i) {
    const std::string bytes = BuildKey(RandomKey(&random));
    const auto key = ParseKey(bytes);
    ASSERT_TRUE(key.ok()) << key.status();
    EXPECT_EQ(BuildKey(*key), bytes);
  }
}

TEST(KeysTest, OrderOfBytesIsOrderOfFields) {
  std::mt19937_64 random(2);
  std::vector<Key> keys;
  for (int i = 0; i < 3'000; ++i) {
    // What the table does not have must not take part in the order.
    keys.push_back(*ParseKey(BuildKey(RandomKey(&random))));
  }
  std::sort(keys.begin(), keys.end(),
            [](const Key& a, const Key& b) { return FieldsInOrder(a) < FieldsInOrder(b); });
  for (size_t i = 1; i < keys.size(); ++i) {
    EXPECT_LE(BuildKey(keys[i - 1]), BuildKey(keys[i])) << DescribeKey(BuildKey(keys[i]));
  }
}

TEST(KeysTest, BuildersFillTheFieldsTheyName) {
  EXPECT_EQ(ParseKey(OpenPaneKey(7, 1, -9, 3))->pane_index, -9);
  EXPECT_EQ(ParseKey(OpenPaneKey(7, 1, -9, 3))->table, Table::kOpenPane);
  EXPECT_EQ(ParseKey(OpenPaneKey(7, 1, -9, 3))->stream, 1);
  EXPECT_EQ(ParseKey(ClosedPaneKey(7, 1, 9, 3))->block, 3u);
  EXPECT_EQ(ParseKey(ClosedPaneKey(7, 1, 9, 3))->table, Table::kClosedPane);
  EXPECT_EQ(ParseKey(ModelKey(7))->model_hash, 7u);
  EXPECT_EQ(ParseKey(AlertsKey(7))->table, Table::kAlerts);
  EXPECT_EQ(ParseKey(IncidentBookKey(7))->table, Table::kIncidentBook);
  EXPECT_EQ(ParseKey(DetectorStateKey(7, 1, 8))->block, 8u);
  EXPECT_EQ(ParseKey(ReferenceKey(7, 1, 8, 9))->reference_version, 8u);
  EXPECT_EQ(ParseKey(ReferenceKey(7, 1, 8, 9))->block, 9u);
  EXPECT_EQ(ParseKey(LearningRowsKey(7, 1, 8, 9))->signal, 8u);
  EXPECT_EQ(ParseKey(LearningRowsKey(7, 1, 8, 9))->chunk, 9u);
  EXPECT_EQ(ParseKey(TransformKey(7, 1, 8, 2))->signal, 8u);
  EXPECT_EQ(ParseKey(TransformKey(7, 1, 8, 2))->index, 2u);
  EXPECT_EQ(ParseKey(IncidentKey(7))->incident_id, 7u);
  EXPECT_EQ(ParseKey(IncidentLineKey(7))->table, Table::kIncidentLine);
  EXPECT_EQ(ParseKey(IncidentChangeKey(7))->change_sequence, 7u);
  EXPECT_EQ(ParseKey(BundlesKey(7))->table, Table::kBundles);
  EXPECT_EQ(ParseKey(EvidenceKey(7, 8))->index, 8u);
  EXPECT_EQ(ParseKey(EvidenceKey(7, 8))->incident_id, 7u);
  EXPECT_EQ(ParseKey(EvidencePaneKey(7, 8))->index, 8u);
  EXPECT_EQ(ParseKey(EvidencePaneKey(7, 8))->table, Table::kEvidencePane);
  EXPECT_EQ(ParseKey(ReferenceListKey(7, 1))->stream, 1);
  EXPECT_EQ(ParseKey(DecisionsKey(7))->table, Table::kDecisions);
  EXPECT_EQ(ParseKey(ScoreHistoryKey(7, 1, 8, 9))->block, 9u);
  EXPECT_EQ(ParseKey(ScoreHistoryKey(7, 1, 8, 9))->table, Table::kScoreHistory);
  EXPECT_EQ(ParseKey(CommittedSequenceKey("p"))->producer_id, "p");
  EXPECT_EQ(ParseKey(GlobalKey(Global::kEpoch))->global, Global::kEpoch);
}

TEST(KeysTest, ForeignBytesAreRefused) {
  const std::string key = OpenPaneKey(1, 0, 2, 3);
  for (size_t size = 0; size < key.size(); ++size) {
    EXPECT_TRUE(absl::IsDataLoss(ParseKey(key.substr(0, size)).status())) << size;
  }
  EXPECT_THAT(ParseKey(key + "x").status().message(), HasSubstr("too long for table open pane"));
  EXPECT_THAT(ParseKey("\x01nm").status().message(), HasSubstr("016e6d: a namespace"));
  EXPECT_THAT(ParseKey(std::string("\0zz", 3)).status().message(), HasSubstr("unknown table"));
  EXPECT_TRUE(absl::IsDataLoss(ParseKey(std::string("\0t", 2)).status())) << "no producer";
  EXPECT_TRUE(absl::IsDataLoss(ParseKey(std::string("\0gz", 3)).status())) << "no such record";
  EXPECT_EQ(DescribeKey("\x01nm"), "016e6d");
}

TEST(KeysTest, RangesHoldTheirKeysAndNoOthers) {
  std::mt19937_64 random(3);
  const uint64_t hashes[] = {0, 1, 0x00ff, 0xffff'ffff'ffff'ffff, 0x12ff'ffff'ffff'ffff};
  for (int i = 0; i < 20'000; ++i) {
    Key key = RandomKey(&random);
    key.model_hash = hashes[random() % std::size(hashes)];
    const std::string bytes = BuildKey(key);
    for (const TableDescriptor& descriptor : kTables) {
      const Table table = descriptor.tag;
      const KeyRange range = TableRange(table);
      EXPECT_EQ(range.begin <= bytes && bytes < range.end, key.table == table);
      if (!HasModel(table)) continue;
      for (const uint64_t hash : hashes) {
        const KeyRange own = ModelRange(table, hash);
        const bool of_model = key.table == table && key.model_hash == hash;
        EXPECT_EQ(own.begin <= bytes && bytes < own.end, of_model);
      }
    }
  }
}

TEST(KeysDeathTest, RangesOfTablesThatDoNotHaveTheFieldAbort) {
  EXPECT_DEATH(ModelRange(Table::kIncident, 1), "keys begin with model_hash");
  EXPECT_DEATH(IncidentRange(Table::kModel, 1), "keys begin with incident_id");
  EXPECT_DEATH(CommittedSequenceKey(""), "at least one byte");
  EXPECT_DEATH(BuildKey({.table = static_cast<Table>('?')}), "a line in kTables");
}

TEST(KeysTest, NameAndVersionDoNotRunIntoEachOther) {
  EXPECT_NE(ModelHash("ab", "c"), ModelHash("a", "bc"));
  EXPECT_NE(ModelHash("ab", ""), ModelHash("a", "b"));
  // Frozen: folders on disk depend on it.
  EXPECT_EQ(ModelHash("credit", "v1"), 0xa6d3ce12b122f13bu);
}

TEST(KeysTest, OnlyWhatEventsDetermineCounts) {
  std::string counted;
  for (const TableDescriptor& table : kTables) {
    Key key;
    key.table = table.tag;
    key.global = Global::kRowTotals;
    if (CountsInStateDigest(key)) counted.push_back(static_cast<char>(table.tag));
  }
  EXPECT_EQ(counted, "adfghlmopqrt");
  EXPECT_FALSE(CountsInStateDigest(*ParseKey(GlobalKey(Global::kEpoch))));
  EXPECT_FALSE(CountsInStateDigest(*ParseKey(GlobalKey(Global::kChangeSequence))));
}

TEST(KeysDocumentTest, EveryExampleIsTrue) {
  std::ifstream document(FAULTLINE_SOURCE_DIR "/docs/formats/keys.md");
  ASSERT_TRUE(document.is_open());
  std::set<std::string> letters;
  bool inside = false;
  for (std::string line; std::getline(document, line);) {
    if (line.starts_with("```")) {
      inside = line == "```text";
      continue;
    }
    if (!inside) continue;
    const size_t space = line.find(' ');
    const std::string bytes = absl::HexStringToBytes(line.substr(0, space));
    EXPECT_TRUE(ParseKey(bytes).ok()) << line;
    EXPECT_EQ(DescribeKey(bytes), line.substr(line.find_first_not_of(' ', space)));
    letters.insert(bytes.substr(1, 1));
  }
  EXPECT_EQ(letters.size(), kTables.size()) << "every table has an example";
}

}  // namespace
}  // namespace faultline
