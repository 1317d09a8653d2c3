#include "base/html.h"

#include <gtest/gtest.h>

#include <string>

#include "base/utf8.h"
#include "tests/support/hostile_text.h"

namespace faultline {
namespace {

TEST(Html, NothingIsMarkup) {
  EXPECT_EQ(Html("<a href=\"x\" id='y'>&"), "&lt;a href=&quot;x&quot; id=&#39;y&#39;&gt;&amp;");
  EXPECT_EQ(Html("Zo\u00eb\n\tb"), "Zo\u00eb  b");
}

TEST(Html, ReplacesUnsafeCharacters) {
  for (const std::string& hostile : testing::HostileCharacters()) {
    const std::string html = Html("a" + hostile + "b");
    EXPECT_EQ(html.find(hostile), std::string::npos) << ::testing::PrintToString(hostile);
    EXPECT_EQ(Utf8PrefixBytes(html), html.size()) << ::testing::PrintToString(hostile);
    EXPECT_TRUE(html.starts_with("a") && html.ends_with("b"));
  }
  EXPECT_EQ(Html("a\uFEFFb\u202Ec"), "a\uFFFDb\uFFFDc");
}

TEST(Html, LinksLeadToTheWebAlone) {
  EXPECT_EQ(HtmlLink("https://x/?a=1&b", "<x>"),
            "<a href=\"https://x/?a=1&amp;b\" rel=\"noreferrer\">&lt;x&gt;</a>");
  EXPECT_EQ(HtmlLink("javascript:alert(1)", "x"), "x");
}

}  // namespace
}  // namespace faultline
