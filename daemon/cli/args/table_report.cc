#include "daemon/cli/args/table_report.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <boost/json/array.hpp>

#include "daemon/cli/console/console.h"

namespace faultline::cli {
namespace {

constexpr size_t kShownMax = 10;

}  // namespace

std::string TableText(const TableReader& table) {
  std::string text;
  const uint64_t refused = table.counts().refused;
  const size_t shown = std::min(table.refused().size(), kShownMax);
  for (size_t i = 0; i < shown; ++i) {
    const RefusedRow& row = table.refused()[i];
    absl::StrAppend(&text, "  line ", row.line, ": refused here: ", Printable(row.reason), "\n");
  }
  if (refused > shown) {
    absl::StrAppend(&text, "  ... and ", Grouped(refused - shown), " more\n");
  }
  if (table.open_end()) {
    absl::StrAppend(&text, "  the last line has no line end; it may have been cut\n");
  }
  return text;
}

void AddTableJson(const TableReader& table, boost::json::object* out) {
  (*out)["read_rows"] = table.counts().read;
  (*out)["refused_rows"] = table.counts().refused;
  boost::json::array rows;
  for (const RefusedRow& row : table.refused()) {
    // Reasons quote the file, which may hold any bytes.
    rows.push_back({{"line", row.line}, {"reason", Printable(row.reason)}});
  }
  (*out)["refused"] = std::move(rows);
  (*out)["open_end"] = table.open_end();
}

}  // namespace faultline::cli
