#include "daemon/edge/review/csv_text.h"

namespace faultline::review {

std::string CsvText(std::string_view text) {
  constexpr std::string_view kFormula = "=+-@\t\r\n";
  std::string plain(text);
  if (!text.empty() && kFormula.find(text.front()) != std::string_view::npos) plain = "'" + plain;
  if (plain.find_first_of(",\"\r\n") == std::string::npos) return plain;
  std::string quoted = "\"";
  for (const char c : plain) {
    if (c == '"') quoted.push_back('"');
    quoted.push_back(c);
  }
  quoted.push_back('"');
  return quoted;
}

}  // namespace faultline::review
