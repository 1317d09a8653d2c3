#include "daemon/edge/decode/names.h"

#include "base/utf8.h"

namespace faultline {
namespace {

bool HasControlCharacter(std::string_view text) {
  unsigned char before = 0;
  for (const char character : text) {
    const auto byte = static_cast<unsigned char>(character);
    if (byte < 0x20 || byte == 0x7f || (before == 0xc2 && byte < 0xa0)) return true;
    before = byte;
  }
  return false;
}

}  // namespace

const char* NameProblem(std::string_view name, size_t bytes_max) {
  if (name.empty()) return "is empty";
  if (const char* problem = TextProblem(name, bytes_max)) return problem;
  return HasControlCharacter(name) ? "has a control character" : nullptr;
}

const char* TextProblem(std::string_view text, size_t bytes_max) {
  if (text.size() > bytes_max) return "is too long";
  return Utf8PrefixBytes(text) == text.size() ? nullptr : "is not UTF-8";
}

}  // namespace faultline
