#include "daemon/edge/decode/names.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/hostile_text.h"

namespace faultline {
namespace {

TEST(Names, AreUtf8WithoutControlCharacters) {
  EXPECT_EQ(NameProblem("Zo\u00eb", 128), nullptr);
  EXPECT_STREQ(NameProblem("", 128), "is empty");
  EXPECT_STREQ(NameProblem("abc", 2), "is too long");
  for (const std::string& control : testing::ControlCharacters()) {
    EXPECT_STREQ(NameProblem("a" + control, 128), "has a control character")
        << ::testing::PrintToString(control);
    EXPECT_EQ(TextProblem("a" + control, 128), nullptr) << "a category may hold it";
  }
  for (const std::string& invalid : testing::InvalidUtf8()) {
    EXPECT_STREQ(NameProblem("a" + invalid, 128), "is not UTF-8");
    EXPECT_STREQ(TextProblem("a" + invalid, 128), "is not UTF-8");
  }
  // Part of the contract: names may hold them, outputs replace them.
  for (const std::string& invisible : testing::InvisibleCharacters()) {
    EXPECT_EQ(NameProblem("a" + invisible, 128), nullptr);
  }
}

}  // namespace
}  // namespace faultline
