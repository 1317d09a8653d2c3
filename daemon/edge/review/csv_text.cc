#include "daemon/edge/review/csv_text.h"

#include "base/characters.h"

namespace faultline::review {

std::string CsvText(std::string_view text) {
  constexpr std::string_view kFormula = "=+-@\t\r\n";
  const bool formula = !text.empty() && kFormula.find(text.front()) != std::string_view::npos;
  const bool quoted = text.find_first_of(",\"\r\n") != std::string_view::npos;
  std::string cell = quoted ? "\"" : "";
  if (formula) cell += '\'';
  while (!text.empty()) {
    const Character character = TakeCharacter(&text);
    const char first = character.bytes[0];
    const bool space = first == '\t' || first == '\r' || first == '\n';
    if (first == '"') cell += '"';
    cell += character.unsafe() && !space ? kReplacement : character.bytes;
  }
  return quoted ? cell + '"' : cell;
}

}  // namespace faultline::review
