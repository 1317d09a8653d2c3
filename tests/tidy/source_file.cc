#include "tests/tidy/source_file.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

namespace faultline::tidy {
namespace {

namespace fs = std::filesystem;

bool IsText(const fs::path& path) {
  static constexpr std::array<std::string_view, 11> kExtensions = {
      ".cc", ".h", ".proto", ".sh", ".md", ".yml", ".yaml", ".py", ".cmake", ".json", ".inc"};
  const std::string extension = path.extension();
  return std::find(kExtensions.begin(), kExtensions.end(), extension) != kExtensions.end() ||
         path.filename() == "CMakeLists.txt";
}

// Vendored packages, and inputs of tests, which nobody reads as prose.
bool IsForeign(std::string_view path) {
  return path.find("node_modules") != std::string_view::npos ||
         path.starts_with("tests/fuzz/corpus/");
}

SourceFile ReadFile(const fs::path& path, std::string relative) {
  SourceFile file{std::move(relative), {}};
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) file.lines.push_back(line);
  return file;
}

// Where in a C++ file a character stands.
enum class Place { kCode, kLineComment, kBlockComment, kString, kChar, kRawString };

class Separator {
 public:
  TakenApart Separate(const std::vector<std::string>& lines) {
    TakenApart parts;
    for (const std::string& line : lines) {
      if (place_ == Place::kLineComment) place_ = Place::kCode;
      code_.assign(line.size(), ' ');
      prose_.assign(line.size(), ' ');
      for (size_t i = 0; i < line.size();) i = Take(line, i);
      parts.code.push_back(code_);
      parts.prose.push_back(prose_);
    }
    return parts;
  }

 private:
  // Takes what begins at `i`, and returns where the next thing begins.
  size_t Take(const std::string& line, size_t i) {
    switch (place_) {
      case Place::kCode:
        return TakeCode(line, i);
      case Place::kLineComment:
        return Prose(line, i, line.size());
      case Place::kBlockComment:
        return TakeUntil(line, i, "*/");
      case Place::kRawString:
        return TakeUntil(line, i, raw_end_);
      case Place::kString:
        return TakeLiteral(line, i, '"');
      case Place::kChar:
        return TakeLiteral(line, i, '\'');
    }
    return line.size();
  }

  size_t TakeCode(const std::string& line, size_t i) {
    const std::string_view rest = std::string_view(line).substr(i);
    if (rest.starts_with("//")) {
      place_ = Place::kLineComment;
      return i + 2;
    }
    if (rest.starts_with("/*")) {
      place_ = Place::kBlockComment;
      return i + 2;
    }
    if (rest.starts_with("R\"")) {
      const size_t open = line.find('(', i);
      if (open != std::string::npos) {
        raw_end_ = ")" + line.substr(i + 2, open - i - 2) + "\"";
        place_ = Place::kRawString;
        code_[i] = '"';
        return open + 1;
      }
    }
    code_[i] = line[i];
    const bool in_number = i > 0 && std::isalnum(static_cast<unsigned char>(line[i - 1])) != 0;
    if (line[i] == '"') place_ = Place::kString;
    if (line[i] == '\'' && !in_number) place_ = Place::kChar;
    return i + 1;
  }

  size_t TakeLiteral(const std::string& line, size_t i, char quote) {
    if (line[i] == '\\') return Prose(line, i, std::min(i + 2, line.size()));
    if (line[i] != quote) return Prose(line, i, i + 1);
    code_[i] = quote;
    place_ = Place::kCode;
    return i + 1;
  }

  size_t TakeUntil(const std::string& line, size_t i, std::string_view close) {
    const size_t end = line.find(close, i);
    if (end == std::string::npos) return Prose(line, i, line.size());
    Prose(line, i, end);
    if (place_ == Place::kRawString) code_[end + close.size() - 1] = '"';
    place_ = Place::kCode;
    return end + close.size();
  }

  size_t Prose(const std::string& line, size_t begin, size_t end) {
    std::copy(line.begin() + begin, line.begin() + end, prose_.begin() + begin);
    return end;
  }

  Place place_ = Place::kCode;
  std::string raw_end_;
  std::string code_;
  std::string prose_;
};

}  // namespace

bool SourceFile::IsCode() const { return path.ends_with(".cc") || path.ends_with(".h"); }

std::string SourceFile::Folder() const { return fs::path(path).parent_path().string(); }

std::string SourceFile::Stem() const { return fs::path(path).stem().string(); }

std::vector<SourceFile> ReadTree(const std::string& root) {
  std::vector<SourceFile> files;
  const auto add = [&](const fs::path& path) {
    std::string relative = fs::relative(path, root).string();
    if (fs::is_regular_file(path) && IsText(path) && !IsForeign(relative)) {
      files.push_back(ReadFile(path, std::move(relative)));
    }
  };
  for (const char* folder :
       {"base", "detectors", "storage", "daemon", "tests", "proto", "deploy", "docs", "cmake"}) {
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(root) / folder)) {
      add(entry.path());
    }
  }
  for (const char* name : {"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "CMakeLists.txt"}) {
    add(fs::path(root) / name);
  }
  std::sort(files.begin(), files.end(),
            [](const SourceFile& a, const SourceFile& b) { return a.path < b.path; });
  return files;
}

SourceFile Planted(std::string path, std::string_view text) {
  SourceFile file{std::move(path), {}};
  std::istringstream in{std::string(text)};
  for (std::string line; std::getline(in, line);) file.lines.push_back(line);
  return file;
}

TakenApart TakeApart(const SourceFile& file) { return Separator().Separate(file.lines); }

Include IncludeOf(std::string_view line) {
  constexpr std::string_view kWord = "#include ";
  if (!line.starts_with(kWord)) return {};
  line.remove_prefix(kWord.size());
  if (line.empty() || (line[0] != '"' && line[0] != '<')) return {};
  const bool system = line[0] == '<';
  const size_t end = line.find(system ? '>' : '"', 1);
  if (end == std::string_view::npos) return {};
  return {std::string(line.substr(1, end - 1)), system};
}

}  // namespace faultline::tidy
