#include "base/html.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include <cmath>

#include "base/characters.h"

namespace faultline {
namespace {

// Null if the character is not markup.
const char* Entity(char c) {
  switch (c) {
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '&':
      return "&amp;";
    case '"':
      return "&quot;";
    case '\'':
      return "&#39;";
    default:
      return nullptr;
  }
}

}  // namespace

std::string Html(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Character character = TakeCharacter(&text);
    if (character.unsafe()) {
      const bool space = character.bytes == "\n" || character.bytes == "\t";
      out += space ? " " : kReplacement;
    } else if (const char* entity = Entity(character.bytes[0])) {
      out += entity;
    } else {
      out += character.bytes;
    }
  }
  return out;
}

std::string HtmlLink(std::string_view url, std::string_view text) {
  if (!url.starts_with("https://") && !url.starts_with("http://")) return Html(text);
  return absl::StrCat("<a href=\"", Html(url), "\" rel=\"noreferrer\">", Html(text), "</a>");
}

std::string Coordinate(double value) {
  if (!std::isfinite(value)) return "0";
  std::string text = absl::StrFormat("%.2f", value);
  while (text.ends_with('0')) text.pop_back();
  if (text.ends_with('.')) text.pop_back();
  return text == "-0" ? "0" : text;
}

}  // namespace faultline
