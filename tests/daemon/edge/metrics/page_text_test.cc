#include "daemon/edge/metrics/page_text.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "base/utf8.h"
#include "tests/support/hostile_text.h"

namespace faultline {
namespace {

TEST(PageText, LabelsShowNoUnsafeCharacterAndStayDistinct) {
  std::set<std::string> shown;
  for (const std::string& hostile : testing::HostileCharacters()) {
    const std::string text = Labels({{"name", "a" + hostile + "b"}}).text();
    EXPECT_EQ(text.find(hostile), std::string::npos) << ::testing::PrintToString(hostile);
    EXPECT_EQ(Utf8PrefixBytes(text), text.size()) << ::testing::PrintToString(hostile);
    EXPECT_TRUE(shown.insert(text).second) << text;
  }
  EXPECT_EQ(Labels({{"name", "a\nb\"\\"}}).text(), "{name=\"a\\nb\\\"\\\\\"} ");
}

}  // namespace
}  // namespace faultline
