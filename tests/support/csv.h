#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace faultline::testing {

// A table of numbers with a header line; cells that are no number are NaN.
struct NumberTable {
  std::vector<std::string> names;
  std::vector<std::vector<double>> columns;

  size_t rows() const { return columns.empty() ? 0 : columns.front().size(); }
};

struct TextTable {
  std::vector<std::string> names;
  std::vector<std::vector<std::string>> columns;
};

// A whole file, plain or gzip. Nothing if it is not there.
std::optional<std::string> ReadText(const std::string& path);
// Likewise, a CSV file without quotes.
std::optional<TextTable> ReadTextTable(const std::string& path);
// Words that stand for a number.
using CellWords = std::map<std::string, double>;
std::optional<NumberTable> ReadNumberTable(const std::string& path, const CellWords& words = {});
std::vector<double> NumbersOf(const std::vector<std::string>& cells, const CellWords& words = {});

// A path below the folder with shared test streams, which lies beside the source tree.
std::string SharedStream(const std::string& path);

}  // namespace faultline::testing
