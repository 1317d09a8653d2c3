#pragma once

#include <string>
#include <string_view>

namespace faultline::review {

// Text as a field of CSV: quoted where needed. Text that a spreadsheet would take for a formula (it
// begins with =, +, -, @, a tab or a line end) gets a single quote in front. Unsafe characters
// (base/characters.h) other than tabs and line ends become U+FFFD.
std::string CsvText(std::string_view text);

}  // namespace faultline::review
