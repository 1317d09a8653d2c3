#pragma once

#include <string>
#include <string_view>
#include <vector>

// The project's own text files as the rules see them.

namespace faultline::tidy {

struct SourceFile {
  std::string path;  // from the project's root
  std::vector<std::string> lines;

  // C++: held against the rules for code.
  bool IsCode() const;
  // The path without its last component: "daemon/core/alert".
  std::string Folder() const;
  // The name without folder and extension: "alert_book".
  std::string Stem() const;
};

// Every file below `root` that people write: sources, contracts, build lists, scripts, documents.
// Sorted by path.
std::vector<SourceFile> ReadTree(const std::string& root);

// A file from text, for tests of rules.
SourceFile Planted(std::string path, std::string_view text);

// A C++ file, line by line, taken apart. In `code` comments and the contents of literals are blank;
// in `prose` everything else is. Both keep every character in its column.
struct TakenApart {
  std::vector<std::string> code;
  std::vector<std::string> prose;
};
TakenApart TakeApart(const SourceFile& file);

// The path that a line includes, without quotes or brackets; empty if it includes nothing.
struct Include {
  std::string path;
  bool system = false;  // in brackets
};
Include IncludeOf(std::string_view line);

}  // namespace faultline::tidy
