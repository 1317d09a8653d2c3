#include "base/escape.h"

#include <absl/strings/str_format.h>

namespace faultline {

void AppendEscape(const Character& character, std::string* out) {
  if (character.bytes.size() == 1) {
    absl::StrAppendFormat(out, "\\x%02x", character.code);
  } else {
    absl::StrAppendFormat(out, "\\u%04x", character.code);
  }
}

namespace {

std::string Escape(std::string_view text, bool lines) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Character character = TakeCharacter(&text);
    if (character.unsafe() && !(lines && character.bytes == "\n")) {
      AppendEscape(character, &out);
    } else {
      out += character.bytes;
    }
  }
  return out;
}

}  // namespace

std::string Escaped(std::string_view text) { return Escape(text, false); }

std::string EscapedLines(std::string_view text) { return Escape(text, true); }

std::string SafeJson(std::string_view json) {
  std::string out;
  out.reserve(json.size());
  while (!json.empty()) {
    const Character character = TakeCharacter(&json);
    const uint32_t code = character.code;
    if (!character.unsafe() || code < 0x20) {
      out += character.bytes;
    } else if (character.kind == CharacterKind::kInvalid) {
      out += kReplacement;
    } else if (code > 0xffff) {
      absl::StrAppendFormat(&out, "\\u%04x\\u%04x", 0xd7c0 + (code >> 10), 0xdc00 + (code & 0x3ff));
    } else {
      absl::StrAppendFormat(&out, "\\u%04x", code);
    }
  }
  return out;
}

}  // namespace faultline
