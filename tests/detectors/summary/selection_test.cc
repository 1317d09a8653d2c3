// Counting a selection of rows is counting a column of those rows alone, byte by byte.
#include "detectors/summary/selection.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "detectors/summary/summary.h"
#include "tests/support/streams.h"

namespace faultline {
namespace {

using testing::HostileStreams;
using testing::Normals;
using testing::Random;

constexpr uint32_t kRows = 5'000;

using Bits = std::vector<uint64_t>;

bool IsSet(const Bits& bits, uint32_t row) { return (bits[row / 64] >> (row % 64) & 1) != 0; }

template <typename Wanted>
Bits BitsWhere(const Wanted& wanted) {
  Bits bits(kRows / 64 + 1);
  for (uint32_t row = 0; row < kRows; ++row) {
    if (wanted(row)) bits[row / 64] |= uint64_t{1} << (row % 64);
  }
  return bits;
}

// Halves in all ways, and what is hard at the boundaries of words and blocks.
std::vector<std::pair<std::string, Bits>> Selections() {
  Random random(3);
  return {
      {"a random half", BitsWhere([&](uint32_t) { return random.Below(2) == 0; })},
      {"every other row", BitsWhere([](uint32_t row) { return row % 2 == 1; })},
      {"the second half", BitsWhere([](uint32_t row) { return row >= kRows / 2; })},
      {"one row in a hundred", BitsWhere([&](uint32_t) { return random.Below(100) == 0; })},
      {"first and last row", BitsWhere([](uint32_t row) { return row % (kRows - 1) == 0; })},
      {"one row of each word", BitsWhere([](uint32_t row) { return row % 64 == 63; })},
      {"every row", BitsWhere([](uint32_t) { return true; })},
      {"no row", BitsWhere([](uint32_t) { return false; })},
  };
}

Bits RandomNulls() {
  Random random(4);
  return BitsWhere([&](uint32_t) { return random.Below(9) == 0; });
}

// A column of the selected rows alone.
template <typename Value>
struct Alone {
  std::vector<Value> values;
  Bits nulls;

  Alone(const std::vector<Value>& column, const Bits* column_nulls, const Bits& selected)
      : nulls(kRows / 64 + 1) {
    for (uint32_t row = 0; row < kRows; ++row) {
      if (!IsSet(selected, row)) continue;
      const size_t at = values.size();
      if (column_nulls != nullptr && IsSet(*column_nulls, row)) {
        nulls[at / 64] |= uint64_t{1} << (at % 64);
      }
      values.push_back(column[row]);
    }
  }
  RowRange All() const { return {0, static_cast<uint32_t>(values.size())}; }
};

// The rows of the batch in runs of random length: most begin in mid-word.
template <typename Count>
void InRuns(uint64_t seed, uint32_t longest, const Count& count) {
  Random random(seed);
  for (uint32_t begin = 0; begin < kRows;) {
    const uint32_t end = std::min(kRows, begin + 1 + static_cast<uint32_t>(random.Below(longest)));
    count(RowRange{begin, end});
    begin = end;
  }
}

std::string BytesOf(const Summary& summary) {
  std::string bytes;
  summary.Encode(&bytes);
  return bytes;
}

std::vector<SketchChoice> SketchChoices() {
  return {{}, {.quantiles = true}, {.distinct = true}, {.quantiles = true, .distinct = true}};
}

TEST(SelectedRows, CountsAndVisitsWhatIsSet) {
  for (const auto& [name, bits] : Selections()) {
    const SelectedRows selection(bits);
    InRuns(1, 300, [&](RowRange run) {
      std::vector<uint32_t> expected;
      for (uint32_t row = run.begin; row < run.end; ++row) {
        if (IsSet(bits, row)) expected.push_back(row);
      }
      std::vector<uint32_t> visited;
      selection.ForEach(run, [&](uint32_t row) { visited.push_back(row); });
      ASSERT_EQ(visited, expected) << name << " from " << run.begin;
      ASSERT_EQ(selection.CountIn(run), expected.size()) << name << " from " << run.begin;
    });
  }
}

TEST(SelectedRowsDeathTest, ASelectionHasABitForEachRow) {
  const Bits bits(2);
  EXPECT_EQ(SelectedRows(bits).CountIn({0, 128}), 0u);
  EXPECT_DEATH(SelectedRows(bits).CountIn({0, 129}), "a selection has a bit for each row");
}

TEST(Selection, OfNumbersIsCountedLikeThoseRowsAlone) {
  const Bits nulls = RandomNulls();
  for (const SketchChoice sketches : SketchChoices()) {
    const Shape shape = MakeNumericShape(Normals(1, 2'000), 1, sketches);
    for (const testing::HostileStream& stream : HostileStreams(kRows)) {
      for (const auto& [name, bits] : Selections()) {
        for (const Bits* missing : {static_cast<const Bits*>(nullptr), &nulls}) {
          const Alone<double> alone(stream.values, missing, bits);
          Summary expected(&shape);
          expected.CountNumbers(alone.values, missing == nullptr ? nullptr : alone.nulls.data(),
                                alone.All());
          for (const uint32_t longest : {1u, 20u, 700u, kRows}) {
            Summary summary(&shape);
            InRuns(2, longest, [&](RowRange run) {
              summary.CountNumbers(stream.values, missing == nullptr ? nullptr : missing->data(),
                                   run, SelectedRows(bits));
            });
            ASSERT_EQ(BytesOf(summary), BytesOf(expected))
                << stream.name << ", " << name << ", runs up to " << longest;
          }
        }
      }
    }
  }
}

TEST(Selection, OfCategoriesIsCountedLikeThoseRowsAlone) {
  const std::vector<std::string> known = {"a", "b", "c"};
  const std::vector<uint64_t> counts = {3, 2, 1};
  std::vector<std::string> dictionary = known;
  for (int i = 0; i < 40; ++i) dictionary.push_back("new" + std::to_string(i));
  Random random(5);
  std::vector<uint32_t> codes(kRows);
  for (uint32_t& code : codes) code = static_cast<uint32_t>(random.Below(dictionary.size()));
  const Bits nulls = RandomNulls();
  for (const SketchChoice sketches : SketchChoices()) {
    const Shape shape = MakeCategoricalShape(known, counts, 1, sketches);
    CategoryMap map;
    map.Assign(shape, dictionary);
    for (const auto& [name, bits] : Selections()) {
      const Alone<uint32_t> alone(codes, &nulls, bits);
      Summary expected(&shape);
      expected.CountCategories(alone.values, map, alone.nulls.data(), alone.All());
      for (const uint32_t longest : {1u, 20u, 700u, kRows}) {
        Summary summary(&shape);
        InRuns(6, longest, [&](RowRange run) {
          summary.CountCategories(codes, map, nulls.data(), run, SelectedRows(bits));
        });
        ASSERT_EQ(BytesOf(summary), BytesOf(expected)) << name << ", runs up to " << longest;
      }
    }
  }
}

TEST(Selection, OfABatchWithoutTheColumnIsCountedLikeThoseRowsAlone) {
  const Shape shape = MakeNumericShape(Normals(1, 2'000), 1, {});
  for (const auto& [name, bits] : Selections()) {
    Summary expected(&shape);
    expected.CountMissing(SelectedRows(bits).CountIn({0, kRows}));
    Summary summary(&shape);
    InRuns(7, 100, [&](RowRange run) { summary.CountMissing(SelectedRows(bits).CountIn(run)); });
    EXPECT_EQ(BytesOf(summary), BytesOf(expected)) << name;
  }
}

}  // namespace
}  // namespace faultline
