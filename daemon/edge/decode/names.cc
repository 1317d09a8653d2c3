#include "daemon/edge/decode/names.h"

#include "base/characters.h"
#include "base/utf8.h"

namespace faultline {
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
