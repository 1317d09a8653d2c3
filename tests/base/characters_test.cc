#include "base/characters.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "tests/support/hostile_text.h"

namespace faultline {
namespace {

CharacterKind KindOf(std::string_view text) { return TakeCharacter(&text).kind; }

TEST(Characters, TellsUnsafeCharactersFromPlainOnes) {
  for (const std::string& text : testing::ControlCharacters()) {
    EXPECT_EQ(KindOf(text), CharacterKind::kControl) << ::testing::PrintToString(text);
  }
  for (const std::string& text : testing::InvisibleCharacters()) {
    EXPECT_EQ(KindOf(text), CharacterKind::kInvisible) << ::testing::PrintToString(text);
  }
  for (const std::string& text : testing::InvalidUtf8()) {
    EXPECT_EQ(KindOf(text), CharacterKind::kInvalid) << ::testing::PrintToString(text);
  }
  // Next to the ranges of unsafe characters, and at the ends of Unicode.
  for (const uint32_t code :
       {0x20, 0x7e, 0xa0, 0x61b, 0x61d, 0x200d, 0x2010, 0x2027, 0x202f, 0x2065, 0x206a, 0xfefe,
        0xff00, 0xfff8, 0xfffc, 0xfffd, 0xdffff, 0xe0080, 0x10ffff}) {
    EXPECT_EQ(KindOf(testing::Utf8(code)), CharacterKind::kPlain) << std::hex << code;
  }
}

TEST(Characters, TakesOneCharacterAfterTheOther) {
  std::string_view text = "a\u00e9\xff\u202e\U0001f600";
  std::string seen;
  std::vector<uint32_t> codes;
  while (!text.empty()) {
    const Character character = TakeCharacter(&text);
    seen += character.bytes;
    codes.push_back(character.code);
  }
  EXPECT_EQ(seen, "a\u00e9\xff\u202e\U0001f600");
  EXPECT_EQ(codes, (std::vector<uint32_t>{'a', 0xe9, 0xff, 0x202e, 0x1f600}));
}

TEST(Characters, FindsControlCharactersAlone) {
  EXPECT_TRUE(HasControlCharacter("a\tb"));
  EXPECT_TRUE(HasControlCharacter("\u0085"));
  for (const std::string& text : testing::ControlCharacters()) {
    EXPECT_TRUE(HasControlCharacter("\u00e2" + text)) << ::testing::PrintToString(text);
  }
  for (const std::string& text : testing::InvisibleCharacters()) {
    EXPECT_FALSE(HasControlCharacter(text)) << ::testing::PrintToString(text);
  }
  EXPECT_FALSE(HasControlCharacter("\u00a0 \xc2"));
  EXPECT_FALSE(HasControlCharacter("Zo\u00eb \u202e"));
  EXPECT_FALSE(HasControlCharacter(""));
}

TEST(CharactersDeathTest, ThereIsNoCharacterInEmptyText) {
  std::string_view empty;
  EXPECT_DEATH(TakeCharacter(&empty), "stop at the end");
}

}  // namespace
}  // namespace faultline
