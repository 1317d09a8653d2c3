#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace faultline::testing {

// A line of a file below oracle/: its fields, and its words.
struct OracleCase {
  std::string line;
  std::map<std::string, std::vector<double>> fields;
  std::map<std::string, std::string> words;

  bool Has(const std::string& name) const { return words.contains(name); }
  double Number(const std::string& name) const { return fields.at(name).at(0); }
  // Empty if there is no such field.
  std::vector<double> Numbers(const std::string& name) const;
  std::vector<uint64_t> Counts(const std::string& name) const;
};

// The lines of oracle/`file` that begin with `name`, in order.
std::vector<OracleCase> OracleCases(const std::string& file, const std::string& name);

}  // namespace faultline::testing
