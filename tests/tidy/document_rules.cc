#include <algorithm>
#include <cctype>
#include <filesystem>
#include <regex>

#include "tests/tidy/rules.h"

namespace faultline::tidy {
namespace {

bool IsDocument(const SourceFile& file) { return file.path.ends_with(".md"); }

std::string At(const SourceFile& file, size_t index) {
  return file.path + ":" + std::to_string(index + 1);
}

// The lines of a document that are not inside a fenced block; the others are empty.
std::vector<std::string> Unfenced(const SourceFile& file) {
  std::vector<std::string> lines = file.lines;
  bool fenced = false;
  for (std::string& line : lines) {
    const bool fence = line.starts_with("```");
    if (fence || fenced) line.clear();
    fenced = fenced != fence;
  }
  return lines;
}

// The anchor that a heading has: lower case, spaces as hyphens, no punctuation.
std::string Anchor(std::string_view heading) {
  std::string anchor;
  for (const char c : heading) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '-' || c == '_' || byte >= 0x80) {
      anchor += static_cast<char>(std::tolower(byte));
    } else if (c == ' ') {
      anchor += '-';
    }
  }
  return anchor;
}

bool HasAnchor(const SourceFile& file, const std::string& anchor) {
  const std::vector<std::string> lines = Unfenced(file);
  return std::any_of(lines.begin(), lines.end(), [&](const std::string& line) {
    const size_t text = line.find_first_not_of('#');
    return text != 0 && text != std::string::npos && line[text] == ' ' &&
           Anchor(std::string_view(line).substr(text + 1)) == anchor;
  });
}

}  // namespace

Violations DocumentsHaveOneTitle(const Files& files) {
  Violations violations;
  for (const SourceFile& file : files) {
    if (!IsDocument(file) || !file.path.starts_with("docs/")) continue;
    const std::vector<std::string> lines = Unfenced(file);
    const auto titles = std::count_if(
        lines.begin(), lines.end(), [](const std::string& line) { return line.starts_with("# "); });
    if (titles == 1) continue;
    violations.push_back(
        {file.path, file.path, std::to_string(titles) + " lines '# Title', a document has one"});
  }
  return violations;
}

Violations DecisionsAreDated(const Files& files) {
  static const std::regex date(R"(^Date: 20\d\d-[01]\d-[0-3]\d$)");
  static const std::regex status(
      R"(^Status: (accepted|superseded by \[.+\]\(.+\.md\)|rejected)( .*)?$)");
  Violations violations;
  for (const SourceFile& file : files) {
    if (!IsDocument(file) || !file.path.starts_with("docs/decisions/")) continue;
    const auto has = [&](const std::regex& pattern) {
      return std::any_of(file.lines.begin(), file.lines.end(),
                         [&](const std::string& line) { return std::regex_match(line, pattern); });
    };
    if (!has(date)) violations.push_back({file.path, file.path, "no line 'Date: YYYY-MM-DD'"});
    if (!has(status)) {
      violations.push_back({file.path, file.path,
                            "no line 'Status: accepted', 'Status: rejected' or "
                            "'Status: superseded by [title](record.md)'"});
    }
  }
  return violations;
}

Violations LinksResolve(const Files& files) {
  static const std::regex link(R"(\]\(([^)\s]+)\))");
  namespace fs = std::filesystem;
  std::map<std::string, const SourceFile*> by_path;
  std::set<std::string> folders;
  for (const SourceFile& file : files) {
    by_path[file.path] = &file;
    for (fs::path folder = file.Folder(); !folder.empty(); folder = folder.parent_path()) {
      folders.insert(folder.string());
    }
  }
  Violations violations;
  for (const SourceFile& file : files) {
    if (!IsDocument(file)) continue;
    const std::vector<std::string> lines = Unfenced(file);
    for (size_t i = 0; i < lines.size(); ++i) {
      for (std::sregex_iterator it(lines[i].begin(), lines[i].end(), link), end; it != end; ++it) {
        const std::string target = (*it)[1];
        if (target.find("://") != std::string::npos || target.starts_with("mailto:")) continue;
        const size_t hash = std::min(target.find('#'), target.size());
        const fs::path relative = target.substr(0, hash);
        std::string path = (fs::path(file.Folder()) / relative).lexically_normal().string();
        if (relative.empty()) path = file.path;
        if (path.ends_with('/')) path.pop_back();
        const auto found = by_path.find(path);
        const bool there = found != by_path.end() || folders.contains(path);
        const bool anchored =
            hash == target.size() ||
            (found != by_path.end() && HasAnchor(*found->second, target.substr(hash + 1)));
        if (there && anchored) continue;
        violations.push_back({file.path, At(file, i), "the link " + target + " leads nowhere"});
      }
    }
  }
  return violations;
}

}  // namespace faultline::tidy
