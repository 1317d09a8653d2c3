#include "daemon/core/signal/signal_window.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

#include "tests/daemon/core/core_run.h"

namespace faultline::testing {
namespace {

std::string Bytes(const Summary& summary) {
  std::string bytes;
  summary.Encode(&bytes);
  return bytes;
}

// What the window should be: all of its panes merged from nothing.
std::string MergedAnew(const Shape& shape, const std::deque<std::string>& panes) {
  Summary merged(&shape);
  for (const std::string& pane : panes) merged.Merge(*Summary::Decode(&shape, pane));
  return Bytes(merged);
}

TEST(SignalWindowTest, IsItsPanesMergedWhateverWasInBefore) {
  Numbers numbers(1);
  std::vector<double> reference(1'000);
  for (double& value : reference) value = numbers.Normal();
  for (const SketchChoice sketches : {SketchChoice{}, SketchChoice{true, true}}) {
    const Shape shape = MakeNumericShape(reference, 1, sketches);
    SignalWindow window(&shape);
    std::deque<std::string> panes;
    for (int64_t number = 0; number < 200; ++number) {
      Summary pane(&shape);
      std::vector<double> values(numbers.Next(20));
      // Whole numbers: least and largest tie between panes.
      for (double& value : values) value = static_cast<double>(numbers.Next(6));
      pane.CountNumbers(values, nullptr, {0, static_cast<uint32_t>(values.size())});
      window.Add(number, number % 3 == 0, pane);
      panes.push_back(Bytes(pane));
      if (panes.size() > 5) panes.pop_front();
      window.DropBefore(number - 4);
      ASSERT_EQ(window.panes(), panes.size());
      ASSERT_EQ(Bytes(window.merged()), MergedAnew(shape, panes)) << number;
    }
    EXPECT_EQ(window.sent_panes(), 2u);  // Of 195 to 199: 195 and 198.
  }
}

TEST(SignalWindowTest, CategoriesToo) {
  Numbers numbers(2);
  const std::vector<std::string> known = {"a", "b", "c"};
  const std::vector<uint64_t> counts = {3, 2, 1};
  const Shape shape = MakeCategoricalShape(known, counts, 1, {.distinct = true});
  SignalWindow window(&shape);
  std::deque<std::string> panes;
  for (int64_t number = 0; number < 100; ++number) {
    std::vector<std::string> dictionary = {"a", "b", "c"};
    for (int i = 0; i < 30; ++i) dictionary.push_back("new" + std::to_string(numbers.Next(1'000)));
    std::sort(dictionary.begin(), dictionary.end());
    dictionary.erase(std::unique(dictionary.begin(), dictionary.end()), dictionary.end());
    CategoryMap map;
    map.Assign(shape, dictionary);
    std::vector<uint32_t> codes(50);
    for (uint32_t& code : codes) code = static_cast<uint32_t>(numbers.Next(dictionary.size()));
    Summary pane(&shape);
    pane.CountCategories(codes, map, nullptr, {0, 50});
    window.Add(number, true, pane);
    panes.push_back(Bytes(pane));
    if (panes.size() > 4) panes.pop_front();
    window.DropBefore(number - 3);
    ASSERT_EQ(Bytes(window.merged()), MergedAnew(shape, panes)) << number;
  }
}

TEST(SignalWindowTest, DroppingAllLeavesNothing) {
  const std::vector<double> reference = {1, 2, 3};
  const Shape shape = MakeNumericShape(reference, 1, {});
  SignalWindow window(&shape);
  Summary pane(&shape);
  pane.CountNumbers(reference, nullptr, {0, 3});
  window.Add(7, true, pane);
  window.DropBefore(8);
  EXPECT_EQ(window.panes(), 0u);
  EXPECT_EQ(Bytes(window.merged()), Bytes(Summary(&shape)));
}

}  // namespace
}  // namespace faultline::testing
