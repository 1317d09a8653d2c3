#include "tests/support/csv.h"

#include <zlib.h>

#include <charconv>
#include <limits>
#include <string_view>

namespace faultline::testing {
namespace {

std::optional<std::string> ReadAll(const std::string& path) {
  gzFile file = gzopen(path.c_str(), "rb");
  if (file == nullptr) return std::nullopt;
  std::string text;
  char part[1 << 16];
  for (int got = gzread(file, part, sizeof part); got > 0; got = gzread(file, part, sizeof part)) {
    text.append(part, static_cast<size_t>(got));
  }
  gzclose(file);
  return text;
}

std::string_view CutOff(std::string_view* text, char at) {
  const size_t end = text->find(at);
  const std::string_view head = text->substr(0, end);
  text->remove_prefix(end == std::string_view::npos ? text->size() : end + 1);
  return head;
}

}  // namespace

std::optional<NumberTable> ReadNumberTable(const std::string& path) {
  const std::optional<std::string> text = ReadAll(path);
  if (!text.has_value()) return std::nullopt;
  std::string_view rest = *text;
  NumberTable table;
  std::string_view header = CutOff(&rest, '\n');
  while (!header.empty()) table.names.emplace_back(CutOff(&header, ','));
  table.columns.resize(table.names.size());
  while (!rest.empty()) {
    std::string_view line = CutOff(&rest, '\n');
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.empty()) continue;
    for (std::vector<double>& column : table.columns) {
      const std::string_view cell = CutOff(&line, ',');
      double value = 0;
      const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
      const bool whole = error == std::errc() && end == cell.data() + cell.size();
      column.push_back(whole ? value : std::numeric_limits<double>::quiet_NaN());
    }
  }
  return table;
}

std::string SharedStream(const std::string& path) {
  return std::string(FAULTLINE_SOURCE_DIR) + "/../shared/data/" + path;
}

}  // namespace faultline::testing
