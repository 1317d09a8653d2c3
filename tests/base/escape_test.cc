#include "base/escape.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/hostile_text.h"

namespace faultline {
namespace {

TEST(Escape, ShowsWhatItStandsFor) {
  EXPECT_EQ(Escaped("caf\u00e9\x1b[31m\n"), "caf\u00e9\\x1b[31m\\x0a");
  EXPECT_EQ(Escaped("a\u009b\u202e\x9b"), "a\\u009b\\u202e\\x9b") << "a character is not a byte";
  EXPECT_EQ(Escaped("\U000e0001"), "\\ue0001");
}

TEST(Escape, KeepsLineBreaksOfLines) {
  EXPECT_EQ(EscapedLines("f:1: \x1b\u202e\nf:2:\r"), "f:1: \\x1b\\u202e\nf:2:\\x0d");
}

TEST(Escape, JsonReadsBackAsTheSame) {
  EXPECT_EQ(SafeJson("{\n  \"a\u2066\": \"\u061c\x7f\u0085\"}"),
            "{\n  \"a\\u2066\": \"\\u061c\\u007f\\u0085\"}");
  EXPECT_EQ(SafeJson("\"\U000e0001\""), "\"\\udb40\\udc01\"");
  EXPECT_EQ(SafeJson("\"\xff\""), "\"\uFFFD\"");
}

TEST(Escape, LeavesNothingUnsafe) {
  for (const std::string& hostile : testing::HostileCharacters()) {
    EXPECT_EQ(Escaped(hostile).find(hostile), std::string::npos);
    if (static_cast<unsigned char>(hostile[0]) < 0x20) continue;  // JSON has escaped these before
    EXPECT_EQ(SafeJson(hostile).find(hostile), std::string::npos);
  }
}

}  // namespace
}  // namespace faultline
