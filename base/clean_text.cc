#include "base/clean_text.h"

#include "base/utf8.h"

namespace faultline {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// What moves the cursor or turns the direction of writing.
bool IsControl(std::string_view character) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(character[i]); };
  if (character.size() == 1) return byte(0) < 0x20 || byte(0) == 0x7F;
  if (character.size() == 2) {
    return (byte(0) == 0xC2 && byte(1) < 0xA0) ||  // U+0080 to U+009F
           character == "\u061C";
  }
  if (character.size() != 3) return false;
  return (character >= "\u200E" && character <= "\u200F") ||
         (character >= "\u2028" && character <= "\u202E") ||
         (character >= "\u2066" && character <= "\u2069");
}

}  // namespace

std::string CleanText(std::string_view text, size_t bytes_max) {
  std::string clean;
  size_t cut = 0;  // where "..." would still fit
  while (!text.empty()) {
    const size_t bytes = Utf8CharacterBytes(text);
    std::string_view next = bytes == 0 ? kReplacement : text.substr(0, bytes);
    if (IsControl(next)) next = " ";
    if (clean.size() + next.size() > bytes_max) {
      clean.resize(cut);
      return clean + "...";
    }
    clean += next;
    if (clean.size() + 3 <= bytes_max) cut = clean.size();
    text.remove_prefix(bytes == 0 ? 1 : bytes);
  }
  return clean;
}

}  // namespace faultline
