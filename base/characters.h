#pragma once

#include <cstdint>
#include <string_view>

namespace faultline {

// What a character of text from outside may do to a terminal, a log line or a page. The one
// classification; what shows text decides only what it puts in place of unsafe characters.
enum class CharacterKind : uint8_t {
  kPlain,
  kControl,    // U+0000 to U+001F, U+007F to U+009F: line breaks, escape sequences
  kInvisible,  // reorders, breaks or hides the text around it: U+061C, U+200E, U+200F, U+2028 to
               // U+202E, U+2066 to U+2069, U+FEFF, U+FFF9 to U+FFFB, U+E0000 to U+E007F
  kInvalid,    // one byte that is not UTF-8
};

struct Character {
  std::string_view bytes;  // 1 to 4
  uint32_t code = 0;       // the code point, or the byte if it is not UTF-8
  CharacterKind kind = CharacterKind::kPlain;

  bool unsafe() const { return kind != CharacterKind::kPlain; }
};

// U+FFFD, which stands for what cannot be shown.
inline constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// Removes the first character of `text`, which must not be empty.
Character TakeCharacter(std::string_view* text);

// True if the text holds a control character.
bool HasControlCharacter(std::string_view text);

}  // namespace faultline
