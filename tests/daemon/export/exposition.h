#pragma once

#include <cctype>
#include <cstdlib>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace faultline {

// One sample of a metrics page.
struct Sample {
  std::string name;
  std::map<std::string, std::string> labels;
  std::string value;
};

// What a page says, read by the letter of the text format 0.0.4, independently of the writer.
// Throws std::runtime_error, naming the line, at anything the format does not allow.
struct Exposition {
  std::map<std::string, std::string> types;  // by family
  std::vector<Sample> samples;

  explicit Exposition(std::string_view page) {
    std::string family;
    std::map<std::pair<std::string, std::map<std::string, std::string>>, int> seen;
    while (!page.empty()) {
      const size_t end = page.find('\n');
      if (end == std::string_view::npos) throw std::runtime_error("no newline at the end");
      const std::string line(page.substr(0, end));
      page.remove_prefix(end + 1);
      if (line.rfind("# HELP ", 0) == 0) continue;
      if (line.rfind("# TYPE ", 0) == 0) {
        const size_t blank = line.rfind(' ');
        family = line.substr(7, blank - 7);
        if (!types.emplace(family, line.substr(blank + 1)).second) {
          throw std::runtime_error("family twice: " + line);
        }
        continue;
      }
      Sample sample = Parse(line);
      if (sample.name.rfind(family, 0) != 0) throw std::runtime_error("wrong family: " + line);
      if (seen[{sample.name, sample.labels}]++ > 0) throw std::runtime_error("twice: " + line);
      samples.push_back(std::move(sample));
    }
  }

  // Samples by name; the value of one, or "" if there is none with these labels.
  std::vector<Sample> Of(const std::string& name) const {
    std::vector<Sample> found;
    for (const Sample& sample : samples) {
      if (sample.name == name) found.push_back(sample);
    }
    return found;
  }
  std::string Value(const std::string& name,
                    const std::map<std::string, std::string>& labels = {}) const {
    for (const Sample& sample : samples) {
      if (sample.name == name && sample.labels == labels) return sample.value;
    }
    return "";
  }

 private:
  static Sample Parse(const std::string& line) {
    const auto fail = [&] { return std::runtime_error("not a sample: " + line); };
    Sample sample;
    size_t i = line.find_first_of("{ ");
    if (i == 0 || i == std::string::npos) throw fail();
    sample.name = line.substr(0, i);
    if (line[i] == '{') {
      ++i;
      while (line.at(i) != '}') {
        const size_t equal = line.find("=\"", i);
        if (equal == std::string::npos) throw fail();
        const std::string name = line.substr(i, equal - i);
        for (const char c : name) {
          if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_') throw fail();
        }
        std::string value;
        for (i = equal + 2; line.at(i) != '"'; ++i) {
          if (static_cast<unsigned char>(line[i]) < 0x20) throw fail();
          if (line[i] != '\\') {
            value.push_back(line[i]);
            continue;
          }
          const char escaped = line.at(++i);
          if (escaped != 'n' && escaped != '"' && escaped != '\\') throw fail();
          value.push_back(escaped == 'n' ? '\n' : escaped);
        }
        if (!sample.labels.emplace(name, value).second) throw fail();
        ++i;
        if (line.at(i) == ',') ++i;
      }
      ++i;
    }
    if (line.at(i) != ' ') throw fail();
    sample.value = line.substr(i + 1);
    char* end = nullptr;
    const double value = std::strtod(sample.value.c_str(), &end);
    if (sample.value.empty() || *end != '\0' || value != value) throw fail();
    return sample;
  }
};

}  // namespace faultline
