#include "tests/support/csv.h"

#include <zlib.h>

#include <charconv>
#include <limits>
#include <string_view>
#include <utility>

namespace faultline::testing {
namespace {

std::string_view CutOff(std::string_view* text, char at) {
  const size_t end = text->find(at);
  const std::string_view head = text->substr(0, end);
  text->remove_prefix(end == std::string_view::npos ? text->size() : end + 1);
  return head;
}

std::string_view CutLine(std::string_view* text) {
  std::string_view line = CutOff(text, '\n');
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

}  // namespace

std::optional<std::string> ReadText(const std::string& path) {
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

std::optional<TextTable> ReadTextTable(const std::string& path) {
  const std::optional<std::string> text = ReadText(path);
  if (!text.has_value()) return std::nullopt;
  std::string_view rest = *text;
  TextTable table;
  std::string_view header = CutLine(&rest);
  while (!header.empty()) table.names.emplace_back(CutOff(&header, ','));
  table.columns.resize(table.names.size());
  while (!rest.empty()) {
    std::string_view line = CutLine(&rest);
    if (line.empty()) continue;
    for (std::vector<std::string>& column : table.columns) column.emplace_back(CutOff(&line, ','));
  }
  return table;
}

std::vector<double> NumbersOf(const std::vector<std::string>& cells, const CellWords& words) {
  std::vector<double> numbers;
  numbers.reserve(cells.size());
  for (const std::string& cell : cells) {
    if (const auto word = words.find(cell); word != words.end()) {
      numbers.push_back(word->second);
      continue;
    }
    double value = 0;
    const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
    const bool whole = error == std::errc() && end == cell.data() + cell.size();
    numbers.push_back(whole ? value : std::numeric_limits<double>::quiet_NaN());
  }
  return numbers;
}

std::optional<NumberTable> ReadNumberTable(const std::string& path, const CellWords& words) {
  std::optional<TextTable> text = ReadTextTable(path);
  if (!text.has_value()) return std::nullopt;
  NumberTable table{std::move(text->names), {}};
  for (const std::vector<std::string>& cells : text->columns) {
    table.columns.push_back(NumbersOf(cells, words));
  }
  return table;
}

std::string SharedStream(const std::string& path) {
  return std::string(FAULTLINE_SOURCE_DIR) + "/../shared/data/" + path;
}

}  // namespace faultline::testing
