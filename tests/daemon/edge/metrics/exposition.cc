#include "tests/daemon/edge/metrics/exposition.h"

#include <cctype>
#include <cstdlib>
#include <set>
#include <stdexcept>
#include <utility>

namespace faultline {
namespace {

std::runtime_error Refusal(const std::string& line) {
  return std::runtime_error("not a sample: " + line);
}

// Reads the label that begins at `i`; where the next one, or the bracket, is.
size_t ParseLabel(const std::string& line, size_t i, Sample* sample) {
  const size_t equal = line.find("=\"", i);
  if (equal == std::string::npos) throw Refusal(line);
  const std::string name = line.substr(i, equal - i);
  for (const char c : name) {
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_') throw Refusal(line);
  }
  std::string value;
  for (i = equal + 2; line.at(i) != '"'; ++i) {
    if (static_cast<unsigned char>(line[i]) < 0x20) throw Refusal(line);
    if (line[i] != '\\') {
      value.push_back(line[i]);
      continue;
    }
    const char escaped = line.at(++i);
    if (escaped != 'n' && escaped != '"' && escaped != '\\') throw Refusal(line);
    value.push_back(escaped == 'n' ? '\n' : escaped);
  }
  if (!sample->labels.emplace(name, value).second) throw Refusal(line);
  ++i;
  return line.at(i) == ',' ? i + 1 : i;
}

Sample Parse(const std::string& line) {
  Sample sample;
  size_t i = line.find_first_of("{ ");
  if (i == 0 || i == std::string::npos) throw Refusal(line);
  sample.name = line.substr(0, i);
  if (line[i] == '{') {
    ++i;
    while (line.at(i) != '}') i = ParseLabel(line, i, &sample);
    ++i;
  }
  if (line.at(i) != ' ') throw Refusal(line);
  sample.value = line.substr(i + 1);
  char* end = nullptr;
  const double value = std::strtod(sample.value.c_str(), &end);
  if (sample.value.empty() || *end != '\0' || value != value) throw Refusal(line);
  return sample;
}

}  // namespace

Exposition::Exposition(std::string_view page) {
  std::string family;
  std::set<std::pair<std::string, std::map<std::string, std::string>>> seen;
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
    if (!seen.emplace(sample.name, sample.labels).second) {
      throw std::runtime_error("twice: " + line);
    }
    samples.push_back(std::move(sample));
  }
}

std::vector<Sample> Exposition::Of(const std::string& name) const {
  std::vector<Sample> found;
  for (const Sample& sample : samples) {
    if (sample.name == name) found.push_back(sample);
  }
  return found;
}

std::string Exposition::Value(const std::string& name,
                              const std::map<std::string, std::string>& labels) const {
  for (const Sample& sample : samples) {
    if (sample.name == name && sample.labels == labels) return sample.value;
  }
  return "";
}

}  // namespace faultline
