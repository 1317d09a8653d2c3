#pragma once

#include <string>
#include <string_view>

namespace faultline::review {

// Text as a field of CSV: quoted where needed, and with a quote mark in front where a spreadsheet
// would take it for a formula (it begins with =, +, -, @, a tab or a line end).
std::string CsvText(std::string_view text);

}  // namespace faultline::review
