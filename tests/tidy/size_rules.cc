#include <algorithm>

#include "tests/tidy/rules.h"

namespace faultline::tidy {
namespace {

constexpr size_t kColumnsMax = 100;
constexpr size_t kFileLinesMax = 500;
constexpr size_t kFunctionLinesMax = 70;

std::string At(const SourceFile& file, size_t index) {
  return file.path + ":" + std::to_string(index + 1);
}

size_t Characters(std::string_view line) {
  return static_cast<size_t>(std::count_if(line.begin(), line.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

// Where the block that begins at line `begin` ends, if it has a head with parentheses and a body;
// otherwise `begin`. Relies on clang-format: the body closes with "}" at the indent of the head.
size_t BlockEnd(const std::vector<std::string>& code, size_t begin) {
  constexpr size_t kHeadLinesMax = 8;
  const std::string& line = code[begin];
  const size_t indent = line.find_first_not_of(' ');
  if ((indent != 0 && indent != 2) || line.find('(') == std::string::npos) return begin;
  if (line[indent] == '#' || line[indent] == '}') return begin;
  size_t open = begin;
  while (true) {
    const size_t last = code[open].find_last_not_of(' ');
    if (last == std::string::npos || code[open][last] == ';' || code[open][last] == '}') {
      return begin;
    }
    if (code[open][last] == '{') break;
    if (++open == code.size() || open - begin > kHeadLinesMax) return begin;
  }
  const std::string close = std::string(indent, ' ') + "}";
  for (size_t end = open + 1; end < code.size(); ++end) {
    if (code[end].starts_with(close)) return end;
  }
  return begin;
}

}  // namespace

Violations LinesFit(const Files& files) {
  Violations violations;
  for (const SourceFile& file : files) {
    if (!file.IsCode()) continue;
    for (size_t i = 0; i < file.lines.size(); ++i) {
      if (Characters(file.lines[i]) <= kColumnsMax) continue;
      violations.push_back({file.path, At(file, i),
                            std::to_string(Characters(file.lines[i])) + " columns, the limit is " +
                                std::to_string(kColumnsMax)});
    }
  }
  return violations;
}

Violations FilesFit(const Files& files) {
  Violations violations;
  for (const SourceFile& file : files) {
    if (!file.IsCode() || file.lines.size() <= kFileLinesMax) continue;
    violations.push_back({file.path, file.path,
                          std::to_string(file.lines.size()) + " lines, the limit is " +
                              std::to_string(kFileLinesMax) + ": split it by idea"});
  }
  return violations;
}

Violations FunctionsFit(const Files& files) {
  Violations violations;
  for (const SourceFile& file : files) {
    if (!file.IsCode()) continue;
    const std::vector<std::string> code = TakeApart(file).code;
    for (size_t i = 0; i < code.size(); ++i) {
      const size_t lines = BlockEnd(code, i) - i;
      if (lines <= kFunctionLinesMax) continue;
      violations.push_back({file.path, At(file, i),
                            "a function of " + std::to_string(lines) + " lines, the limit is " +
                                std::to_string(kFunctionLinesMax) + ": split it by step"});
    }
  }
  return violations;
}

}  // namespace faultline::tidy
