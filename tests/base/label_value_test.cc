#include "base/label_value.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "tests/support/hostile_text.h"

namespace faultline {
namespace {

TEST(LabelValue, DifferentTextsStayDifferent) {
  std::set<std::string> values;
  size_t texts = 0;
  for (const std::string& hostile : testing::HostileCharacters()) {
    values.insert(LabelValue("a" + hostile));
    ++texts;
  }
  EXPECT_EQ(values.size(), texts);
  EXPECT_NE(LabelValue(std::string(200, 'x') + "1"), LabelValue(std::string(200, 'x') + "2"));
  EXPECT_EQ(LabelValue(std::string(200, 'x')).size(), kLabelBytesMax);
  EXPECT_EQ(LabelValue("caf\u00e9 \"7\""), "caf\u00e9 \"7\"");
}

}  // namespace
}  // namespace faultline
