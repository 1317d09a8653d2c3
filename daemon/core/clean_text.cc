#include "daemon/core/clean_text.h"

#include <cstdint>

namespace faultline {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

struct Character {
  uint32_t code = 0;
  size_t bytes = 0;  // 0: invalid
};

// The first character; overlong forms, surrogates and codes above U+10FFFF are invalid.
Character First(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const size_t bytes = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || bytes > text.size()) return {};
  uint32_t code = lead & (0x7Fu >> bytes);
  for (size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {};
    code = (code << 6) | (byte(i) & 0x3F);
  }
  constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  if (code < kLeast[bytes] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return {};
  return {code, bytes};
}

bool IsControl(uint32_t code) {
  return code < 0x20 || (code >= 0x7F && code < 0xA0) ||  // C0, DEL, C1
         code == 0x2028 || code == 0x2029 ||              // line and paragraph separator
         code == 0x200E || code == 0x200F || code == 0x061C || (code >= 0x202A && code <= 0x202E) ||
         (code >= 0x2066 && code <= 0x2069);
}

}  // namespace

std::string CleanText(std::string_view text, size_t bytes_max) {
  std::string clean;
  size_t cut = 0;  // where "..." would still fit
  while (!text.empty()) {
    const Character character = First(text);
    std::string_view next = text.substr(0, character.bytes);
    if (character.bytes == 0) next = kReplacement;
    if (character.bytes != 0 && IsControl(character.code)) next = " ";
    if (clean.size() + next.size() > bytes_max) {
      clean.resize(cut);
      return clean + "...";
    }
    clean += next;
    if (clean.size() + 3 <= bytes_max) cut = clean.size();
    text.remove_prefix(character.bytes == 0 ? 1 : character.bytes);
  }
  return clean;
}

}  // namespace faultline
