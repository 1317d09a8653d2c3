#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace faultline {

// One sample of a metrics page.
struct Sample {
  std::string name;
  std::map<std::string, std::string> labels;
  std::string value;
};

// The samples of a page, parsed strictly by text format 0.0.4 and independently of the writer.
struct Exposition {
  // Throws std::runtime_error, naming the line, at anything the format does not allow.
  explicit Exposition(std::string_view page);

  // Samples by name; the value of one, or "" without a sample with these labels.
  std::vector<Sample> Of(const std::string& name) const;
  std::string Value(const std::string& name,
                    const std::map<std::string, std::string>& labels = {}) const;

  std::map<std::string, std::string> types;  // by family
  std::vector<Sample> samples;
};

}  // namespace faultline
