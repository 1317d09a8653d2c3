#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

// The rules of the house that a program can check. Each failure names file and line, and what to
// do instead.

namespace faultline {
namespace {

namespace fs = std::filesystem;

constexpr size_t kColumnsMax = 100;
constexpr size_t kFileLinesMax = 500;
constexpr size_t kFunctionLinesMax = 70;

struct SourceFile {
  std::string path;  // from the project's root
  std::vector<std::string> lines;
  bool code = false;
};

bool IsCode(const fs::path& path) { return path.extension() == ".cc" || path.extension() == ".h"; }

std::vector<SourceFile> ReadTree() {
  const fs::path root = FAULTLINE_SOURCE_DIR;
  std::vector<SourceFile> files;
  for (const char* folder : {"base", "detectors", "storage", "daemon", "tests", "proto", "deploy",
                             "docs", "cmake", ".ci"}) {
    if (!fs::exists(root / folder)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      const fs::path& path = entry.path();
      const std::string extension = path.extension();
      const bool text = IsCode(path) || extension == ".proto" || extension == ".sh" ||
                        extension == ".md" || extension == ".yml" || extension == ".yaml" ||
                        extension == ".py" || extension == ".cmake" ||
                        path.filename() == "CMakeLists.txt";
      const std::string relative = fs::relative(path, root).string();
      if (!entry.is_regular_file() || !text || relative.find("node_modules") != std::string::npos) {
        continue;
      }
      SourceFile file{relative, {}, IsCode(path)};
      std::ifstream in(path);
      for (std::string line; std::getline(in, line);) file.lines.push_back(line);
      files.push_back(std::move(file));
    }
  }
  std::sort(files.begin(), files.end(),
            [](const SourceFile& a, const SourceFile& b) { return a.path < b.path; });
  return files;
}

const std::vector<SourceFile>& Tree() {
  static const std::vector<SourceFile> tree = ReadTree();
  return tree;
}

bool StartsWith(std::string_view text, std::string_view prefix) { return text.starts_with(prefix); }

std::string At(const SourceFile& file, size_t index) {
  return file.path + ":" + std::to_string(index + 1) + ": " + file.lines[index];
}

std::string IncludeOf(const std::string& line) {
  static const std::regex pattern(R"(^#include [<"]([^>"]+)[>"])");
  std::smatch match;
  return std::regex_search(line, match, pattern) ? match[1].str() : "";
}

// Who may not include whom.
struct Fence {
  std::string_view from;
  std::string_view to;
};
constexpr Fence kFences[] = {
    {"base/", "detectors/"},
    {"base/", "storage/"},
    {"base/", "daemon/"},
    {"detectors/", "storage/"},
    {"detectors/", "daemon/"},
    {"detectors/", "grpc"},
    {"storage/", "detectors/"},
    {"storage/", "daemon/"},
    {"storage/", "grpc"},
    {"storage/", "faultline/v1/"},
    {"daemon/core/", "grpc"},
    {"daemon/core/", "boost/"},
    {"daemon/core/", "daemon/ingest/"},
    {"daemon/core/", "daemon/review/"},
    {"daemon/core/", "daemon/export/"},
    {"daemon/core/", "daemon/cli/"},
    {"daemon/core/", "storage/rocks"},
    {"daemon/core/", "storage/recorder"},
    {"daemon/core/", "<thread>"},
};

TEST(Tidy, IncludesPointOneWay) {
  for (const SourceFile& file : Tree()) {
    for (size_t i = 0; i < file.lines.size(); ++i) {
      const std::string include = IncludeOf(file.lines[i]);
      if (include.empty()) continue;
      for (const Fence& fence : kFences) {
        if (!StartsWith(file.path, fence.from)) continue;
        EXPECT_FALSE(StartsWith(include, fence.to))
            << At(file, i) << "\n  " << fence.from << " must not know " << fence.to
            << ": move the code, or pass in what it needs";
      }
      if (StartsWith(file.path, "detectors/") && StartsWith(include, "faultline/v1/")) {
        EXPECT_EQ(include, "faultline/v1/detector.pb.h") << At(file, i);
      }
    }
  }
}

// Third parties and the files that may include them; tests are free.
struct Home {
  std::string_view include;
  std::vector<std::string_view> files;
};

TEST(Tidy, ThirdPartiesStayAtHome) {
  const std::vector<Home> homes = {
      {"rocksdb/", {"storage/rocks_"}},
      {"yaml-cpp/", {"daemon/config/config_file.cc"}},
      {"spdlog/", {"daemon/log/log.cc"}},
      {"prometheus/", {"daemon/export/"}},
      {"boost/asio", {"daemon/export/", "daemon/ingest/", "daemon/daemon.cc", "daemon/runtime."}},
      {"boost/beast", {"daemon/export/"}},
      {"Eigen/", {"detectors/anomaly/"}},
      {"grpcpp/", {"daemon/ingest/", "daemon/review/", "daemon/cli/", "daemon/daemon.", "cmake/"}},
  };
  for (const SourceFile& file : Tree()) {
    if (StartsWith(file.path, "tests/")) continue;
    for (size_t i = 0; i < file.lines.size(); ++i) {
      const std::string include = IncludeOf(file.lines[i]);
      for (const Home& home : homes) {
        if (!StartsWith(include, home.include)) continue;
        const bool at_home =
            std::any_of(home.files.begin(), home.files.end(),
                        [&](std::string_view f) { return StartsWith(file.path, f); });
        EXPECT_TRUE(at_home) << At(file, i) << "\n  " << home.include
                             << " has a home; use what that home offers";
      }
    }
  }
}

TEST(Tidy, LinesFit) {
  for (const SourceFile& file : Tree()) {
    if (!file.code) continue;
    for (size_t i = 0; i < file.lines.size(); ++i) {
      // Counted in characters, not bytes.
      const auto characters = std::count_if(file.lines[i].begin(), file.lines[i].end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
      });
      EXPECT_LE(static_cast<size_t>(characters), kColumnsMax) << At(file, i);
    }
  }
}

TEST(Tidy, FilesFit) {
  for (const SourceFile& file : Tree()) {
    if (!file.code) continue;
    EXPECT_LE(file.lines.size(), kFileLinesMax) << file.path << ": split it by idea";
  }
}

// Where a block that begins at line `begin` ends, if it has a head with parentheses and a body;
// otherwise `begin`. Relies on clang-format: the body closes with "}" at the indent of the head.
size_t BlockEnd(const SourceFile& file, size_t begin) {
  constexpr size_t kHeadLinesMax = 8;
  const std::string& line = file.lines[begin];
  const size_t indent = line.find_first_not_of(' ');
  if ((indent != 0 && indent != 2) || line.find('(') == std::string::npos) return begin;
  if (line.find("R\"") != std::string::npos) return begin;  // text, not code
  if (line[indent] == '/' || line[indent] == '#' || line[indent] == '}') return begin;
  size_t open = begin;
  while (file.lines[open].empty() || file.lines[open].back() != '{') {
    const std::string& head = file.lines[open];
    if (head.empty() || head.back() == ';' || head.back() == '}') return begin;
    if (++open == file.lines.size() || open - begin > kHeadLinesMax) return begin;
  }
  const std::string close = std::string(indent, ' ') + "}";
  for (size_t end = open + 1; end < file.lines.size(); ++end) {
    if (file.lines[end].rfind(close, 0) == 0) return end;
  }
  return begin;
}

TEST(Tidy, FunctionsFit) {
  for (const SourceFile& file : Tree()) {
    if (!file.code) continue;
    for (size_t i = 0; i < file.lines.size(); ++i) {
      EXPECT_LE(BlockEnd(file, i) - i, kFunctionLinesMax) << At(file, i) << "\n  split it by step";
    }
  }
}

struct BannedText {
  std::string pattern;
  std::string instead;
  std::vector<std::string_view> allowed;
};

TEST(Tidy, BannedWordsAreAbsent) {
  const std::vector<BannedText> banned = {
      {R"(\b(TODO|FIXME|XXX)\b)", "finish it, or leave it out", {}},
      // A test that is the child process of another one hides from the list in this way.
      {R"(DISABLED_)", "mend the test, or skip it with a reason", {"tests/storage/crash_test.cc"}},
      {R"(/work/)", "no path of one machine", {}},
      {R"(std::(random_device|mt19937|normal_distribution))",
       "differs between libraries: use tests/support/streams.h",
       {"daemon/cli/", "tests/"}},
      {R"(system_clock::now|steady_clock::now|clock_gettime|gettimeofday)",
       "use base/clock.h",
       {"base/clock.h", "daemon/cli/", "daemon/export/", "daemon/ingest/", "daemon/review/",
        "tests/"}},
      {R"(\bunordered_(map|set)<(?!.*never iterated over))",
       "its order is not defined: use std::map, or say that it is never iterated over",
       {"daemon/ingest/", "daemon/review/", "daemon/export/", "daemon/cli/", "tests/"}},
      {R"(\bclass [A-Za-z]*(Manager|Handler|Helper|Util)\b)", "say what it is", {}},
  };
  for (const SourceFile& file : Tree()) {
    if (!file.code || file.path == "tests/tidy_test.cc") continue;
    for (const BannedText& text : banned) {
      const bool allowed =
          std::any_of(text.allowed.begin(), text.allowed.end(),
                      [&](std::string_view prefix) { return StartsWith(file.path, prefix); });
      if (allowed) continue;
      const std::regex pattern(text.pattern);
      for (size_t i = 0; i < file.lines.size(); ++i) {
        EXPECT_FALSE(std::regex_search(file.lines[i], pattern))
            << At(file, i) << "\n  " << text.instead;
      }
    }
  }
}

TEST(Tidy, HeadersAreGuardedOnce) {
  for (const SourceFile& file : Tree()) {
    if (!file.path.ends_with(".h")) continue;
    ASSERT_FALSE(file.lines.empty()) << file.path;
    EXPECT_EQ(file.lines[0], "#pragma once") << file.path;
  }
}

TEST(Tidy, DocumentsHaveOneTitle) {
  for (const SourceFile& file : Tree()) {
    if (!StartsWith(file.path, "docs/") || !file.path.ends_with(".md")) continue;
    ASSERT_FALSE(file.lines.empty()) << file.path;
    bool fenced = false;
    size_t titles = 0;
    for (const std::string& line : file.lines) {
      if (StartsWith(line, "```")) fenced = !fenced;
      titles += !fenced && StartsWith(line, "# ") ? 1 : 0;
    }
    EXPECT_EQ(titles, 1u) << file.path << ": one '# Title' per document";
  }
}

TEST(Tidy, SourcesAreBuilt) {
  std::string lists;
  for (const SourceFile& file : Tree()) {
    if (!file.path.ends_with("CMakeLists.txt") && !file.path.ends_with(".cmake")) continue;
    for (const std::string& line : file.lines) lists += line + "\n";
  }
  for (const SourceFile& file : Tree()) {
    if (!file.path.ends_with(".cc")) continue;
    const std::string name = fs::path(file.path).filename();
    EXPECT_NE(lists.find(name), std::string::npos)
        << file.path << ": no CMakeLists.txt names it; add it or delete it";
  }
}

}  // namespace
}  // namespace faultline
