#include "tests/detectors/oracle_cases.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace faultline::testing {

std::vector<double> OracleCase::Numbers(const std::string& name) const {
  const auto found = fields.find(name);
  return found == fields.end() ? std::vector<double>() : found->second;
}

std::vector<uint64_t> OracleCase::Counts(const std::string& name) const {
  const std::vector<double> numbers = Numbers(name);
  return {numbers.begin(), numbers.end()};
}

std::vector<OracleCase> OracleCases(const std::string& file_name, const std::string& name) {
  std::ifstream file(FAULTLINE_SOURCE_DIR "/tests/detectors/oracle/" + file_name);
  std::vector<OracleCase> cases;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string word;
    words >> word;
    if (word != name) continue;
    OracleCase& made = cases.emplace_back();
    made.line = line.substr(0, 200);
    while (words >> word) {
      const size_t equals = word.find('=');
      const std::string field = word.substr(0, equals);
      made.words[field] = word.substr(equals + 1);
      std::istringstream numbers(made.words[field]);
      for (std::string number; std::getline(numbers, number, ',');) {
        made.fields[field].push_back(std::strtod(number.c_str(), nullptr));
      }
    }
  }
  EXPECT_GT(cases.size(), 0u) << file_name << ": " << name;
  return cases;
}

}  // namespace faultline::testing
