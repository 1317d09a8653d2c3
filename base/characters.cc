#include "base/characters.h"

#include <algorithm>
#include <iterator>

#include "base/check.h"
#include "base/utf8.h"

namespace faultline {
namespace {

struct CodeRange {
  uint32_t first;
  uint32_t last;
};

constexpr CodeRange kInvisible[] = {{0x61c, 0x61c},    {0x200e, 0x200f}, {0x2028, 0x202e},
                                    {0x2066, 0x2069},  {0xfeff, 0xfeff}, {0xfff9, 0xfffb},
                                    {0xe0000, 0xe007f}};

// Of one valid character.
uint32_t CodePoint(std::string_view character) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(character[i]); };
  if (character.size() == 1) return byte(0);
  uint32_t code = byte(0) & (0x7fu >> character.size());
  for (size_t i = 1; i < character.size(); ++i) code = code << 6 | (byte(i) & 0x3fu);
  return code;
}

CharacterKind KindOf(uint32_t code) {
  if (code < 0x20 || (code >= 0x7f && code <= 0x9f)) return CharacterKind::kControl;
  const bool invisible = std::any_of(
      std::begin(kInvisible), std::end(kInvisible),
      [&](const CodeRange& range) { return range.first <= code && code <= range.last; });
  return invisible ? CharacterKind::kInvisible : CharacterKind::kPlain;
}

}  // namespace

Character TakeCharacter(std::string_view* text) {
  FAULTLINE_CHECK(!text->empty(), "callers stop at the end of the text");
  const size_t bytes = Utf8CharacterBytes(*text);
  Character character;
  character.bytes = text->substr(0, std::max<size_t>(bytes, 1));
  text->remove_prefix(character.bytes.size());
  if (bytes == 0) {
    character.code = static_cast<uint8_t>(character.bytes[0]);
    character.kind = CharacterKind::kInvalid;
  } else {
    character.code = CodePoint(character.bytes);
    character.kind = KindOf(character.code);
  }
  return character;
}

bool HasControlCharacter(std::string_view text) {
  // Every prediction id passes here. U+0080 to U+009F are C2 80 to C2 9F, and C2 begins characters
  // only.
  uint8_t before = 0;
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte < 0x20 || byte == 0x7f) return true;
    if (before == 0xc2 && byte >= 0x80 && byte < 0xa0) return true;
    before = byte;
  }
  return false;
}

}  // namespace faultline
