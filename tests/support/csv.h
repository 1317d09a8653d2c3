#pragma once

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

// Reads a CSV file without quotes, plain or gzip. Nothing if it is not there.
std::optional<NumberTable> ReadNumberTable(const std::string& path);

// A path below the folder with shared test streams, which lies beside the source tree.
std::string SharedStream(const std::string& path);

}  // namespace faultline::testing
