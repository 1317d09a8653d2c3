#pragma once

#include <cstddef>
#include <string_view>

namespace faultline {

// Bytes of the first character of `text`, 1 to 4, or 0 if it does not begin with one (RFC 3629: no
// overlong forms, no surrogates, nothing above U+10FFFF).
inline size_t Utf8CharacterBytes(std::string_view text) {
  if (text.empty()) return 0;
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead < 0xC2 || lead > 0xF4) return 0;
  const size_t bytes = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (text.size() < bytes) return 0;
  for (size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const unsigned second = byte(1);
  const bool overlong = (lead == 0xE0 && second < 0xA0) || (lead == 0xF0 && second < 0x90);
  const bool outside = (lead == 0xED && second > 0x9F) || (lead == 0xF4 && second > 0x8F);
  return overlong || outside ? 0 : bytes;
}

// Length of the longest part of `text`, from its beginning, that is UTF-8.
inline size_t Utf8PrefixBytes(std::string_view text) {
  size_t valid = 0;
  while (valid < text.size()) {
    const size_t bytes = Utf8CharacterBytes(text.substr(valid));
    if (bytes == 0) break;
    valid += bytes;
  }
  return valid;
}

}  // namespace faultline
