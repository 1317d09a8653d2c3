#include "base/clean_text.h"

#include <gtest/gtest.h>

#include <string>

#include "base/utf8.h"
#include "tests/support/hostile_text.h"

namespace faultline {
namespace {

TEST(CleanText, CutsBetweenCharacters) {
  EXPECT_EQ(CleanText("income", 6), "income");
  EXPECT_EQ(CleanText("incomes", 6), "inc...");
  EXPECT_EQ(CleanText("ééé", 6), "ééé");
  EXPECT_EQ(CleanText("éééé", 6), "é...");
  EXPECT_EQ(CleanText("a\xc3", 8), "a\uFFFD");
  EXPECT_EQ(CleanText("\xed\xa0\x80", 99), "\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(CleanText("a\u0085b\u061cc\u2066d\x7f", 99), "a b c d ");
}

TEST(CleanText, ReplacesUnsafeCharacters) {
  for (const auto& texts : {testing::ControlCharacters(), testing::InvisibleCharacters()}) {
    for (const std::string& hostile : texts) {
      EXPECT_EQ(CleanText("a" + hostile + "b", 99), "a b") << ::testing::PrintToString(hostile);
    }
  }
  for (const std::string& hostile : testing::InvalidUtf8()) {
    const std::string clean = CleanText("a" + hostile + "b", 99);
    EXPECT_EQ(Utf8PrefixBytes(clean), clean.size()) << ::testing::PrintToString(hostile);
    EXPECT_EQ(clean.find(hostile), std::string::npos);
  }
}

}  // namespace
}  // namespace faultline
