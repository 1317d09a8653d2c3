#include "daemon/edge/review/csv_text.h"

#include <gtest/gtest.h>

#include <string>

#include "base/utf8.h"
#include "tests/support/hostile_text.h"

namespace faultline::review {
namespace {

TEST(CsvText, QuotesWhereNeeded) {
  EXPECT_EQ(CsvText("plain"), "plain");
  EXPECT_EQ(CsvText("a,b"), "\"a,b\"");
  EXPECT_EQ(CsvText("say \"x\""), "\"say \"\"x\"\"\"");
  EXPECT_EQ(CsvText("a\nb"), "\"a\nb\"");
}

TEST(CsvText, FormulasBecomeText) {
  EXPECT_EQ(CsvText("=1+1"), "'=1+1");
  EXPECT_EQ(CsvText("\t=1"), "'\t=1");
  EXPECT_EQ(CsvText("-1,2"), "\"'-1,2\"");
}

TEST(CsvText, ReplacesUnsafeCharacters) {
  for (const std::string& hostile : testing::HostileCharacters()) {
    const std::string cell = CsvText("a" + hostile + "b");
    EXPECT_EQ(Utf8PrefixBytes(cell), cell.size()) << ::testing::PrintToString(hostile);
    const bool space = hostile == "\t" || hostile == "\r" || hostile == "\n";
    EXPECT_EQ(cell.find(hostile) != std::string::npos, space) << ::testing::PrintToString(hostile);
  }
}

}  // namespace
}  // namespace faultline::review
