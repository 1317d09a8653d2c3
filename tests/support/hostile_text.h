#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace faultline::testing {

// `code` in UTF-8.
inline std::string Utf8(uint32_t code) {
  const auto tail = [code](int shift) {
    return static_cast<char>(0x80 | ((code >> shift) & 0x3f));
  };
  if (code < 0x80) return {static_cast<char>(code)};
  if (code < 0x800) return {static_cast<char>(0xc0 | code >> 6), tail(0)};
  if (code < 0x10000) return {static_cast<char>(0xe0 | code >> 12), tail(6), tail(0)};
  return {static_cast<char>(0xf0 | code >> 18), tail(12), tail(6), tail(0)};
}

// Control characters: C0, DEL, C1.
inline std::vector<std::string> ControlCharacters() {
  std::vector<std::string> texts;
  for (uint32_t code = 0; code < 0x20; ++code) texts.push_back(Utf8(code));
  for (uint32_t code = 0x7f; code < 0xa0; ++code) texts.push_back(Utf8(code));
  return texts;
}

// Characters that reorder, break or hide the text around them.
inline std::vector<std::string> InvisibleCharacters() {
  std::vector<std::string> texts;
  for (const uint32_t code :
       {0x61c,  0x200e, 0x200f, 0x2028, 0x2029, 0x202a, 0x202b, 0x202c,  0x202d,  0x202e, 0x2066,
        0x2067, 0x2068, 0x2069, 0xfeff, 0xfff9, 0xfffa, 0xfffb, 0xe0001, 0xe0020, 0xe007f}) {
    texts.push_back(Utf8(code));
  }
  return texts;
}

// Stray and missing tails, overlong forms, a surrogate, a code beyond the last one.
inline std::vector<std::string> InvalidUtf8() {
  return {"\xff", "\x80", "\xc3", "\xe2\x80", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80"};
}

// All of them: what no output may show as it is.
inline std::vector<std::string> HostileCharacters() {
  std::vector<std::string> texts = ControlCharacters();
  for (const auto& more : {InvisibleCharacters(), InvalidUtf8()}) {
    texts.insert(texts.end(), more.begin(), more.end());
  }
  return texts;
}

}  // namespace faultline::testing
