#include <algorithm>
#include <optional>

#include "tests/tidy/rules.h"

namespace faultline::tidy {
namespace {

constexpr std::string_view kMap = "docs/ARCHITECTURE.md";
constexpr size_t kSourcesMax = 20;

std::string At(const SourceFile& file, size_t index) {
  return file.path + ":" + std::to_string(index + 1);
}

bool StartsWithAny(std::string_view path, const std::vector<std::string_view>& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](std::string_view prefix) { return path.starts_with(prefix); });
}

bool IsProduct(const SourceFile& file) {
  return file.IsCode() && StartsWithAny(file.path, {"base/", "detectors/", "storage/", "daemon/"});
}

std::string_view FolderOf(std::string_view path) {
  const size_t end = path.rfind('/');
  return end == std::string_view::npos ? std::string_view() : path.substr(0, end);
}

// The contract's generated headers stand for the files that they are generated from.
std::string OwnPath(const Include& include) {
  if (include.path.starts_with("faultline/v1/")) return "proto/" + include.path;
  return include.system ? "" : include.path;
}

// Where in the map a file lies: a room of file names first ("proto/faultline/v1/detector*"), then
// the room of its folder.
std::optional<size_t> RoomAt(const std::vector<Room>& rooms, std::string_view path) {
  std::optional<size_t> found;
  for (size_t i = 0; i < rooms.size(); ++i) {
    const std::string_view room = rooms[i].path;
    if (room.ends_with('*') && path.starts_with(room.substr(0, room.size() - 1))) return i;
    if (FolderOf(path) == room) found = i;
  }
  return found;
}

// An entry "detectors" stands for that room and for all rooms below it.
bool Covers(std::string_view entry, std::string_view room) {
  return room == entry || (room.starts_with(entry) && room[entry.size()] == '/');
}

std::vector<std::string> Words(std::string_view text) {
  std::vector<std::string> words(1);
  for (const char c : text) {
    if (c != ' ' && c != ',') {
      words.back() += c;
    } else if (!words.back().empty()) {
      words.emplace_back();
    }
  }
  if (words.back().empty()) words.pop_back();
  return words;
}

}  // namespace

std::vector<Room> RoomsOf(const Files& files) {
  std::vector<Room> rooms;
  for (const SourceFile& file : files) {
    if (file.path != kMap) continue;
    bool inside = false;
    for (const std::string& line : file.lines) {
      if (line.starts_with("```")) {
        inside = line == "```rooms";
        continue;
      }
      const size_t colon = line.find(':');
      if (!inside || colon == std::string::npos) continue;
      const std::vector<std::string> name = Words(line.substr(0, colon));
      if (!name.empty()) rooms.push_back({name[0], Words(line.substr(colon + 1))});
    }
  }
  return rooms;
}

Violations MapHolds(const Files& files) {
  const std::vector<Room> rooms = RoomsOf(files);
  Violations violations;
  const auto add = [&](const std::string& subject, const std::string& text) {
    violations.push_back({subject, std::string(kMap), text});
  };
  if (rooms.empty()) add("rooms", "has no block fenced as `rooms`");
  for (size_t i = 0; i < rooms.size(); ++i) {
    const std::vector<Room> only = {rooms[i]};
    if (std::none_of(files.begin(), files.end(),
                     [&](const SourceFile& file) { return RoomAt(only, file.path); })) {
      add(rooms[i].path, "no file lies in the room " + rooms[i].path);
    }
    for (size_t j = 0; j < i; ++j) {
      if (rooms[j].path == rooms[i].path) add(rooms[i].path, rooms[i].path + " is listed twice");
    }
    for (const std::string& entry : rooms[i].may_include) {
      if (std::none_of(rooms.begin(), rooms.begin() + static_cast<std::ptrdiff_t>(i),
                       [&](const Room& lower) { return Covers(entry, lower.path); })) {
        add(rooms[i].path + ": " + entry,
            rooms[i].path + " may include " + entry +
                ", but no room of that name comes earlier in the map");
      }
    }
  }
  return violations;
}

Violations IncludesFollowMap(const Files& files) {
  const std::vector<Room> rooms = RoomsOf(files);
  Violations violations;
  for (const SourceFile& file : files) {
    const std::optional<size_t> from = RoomAt(rooms, file.path);
    if (!IsProduct(file) || !from) continue;
    for (size_t i = 0; i < file.lines.size(); ++i) {
      const std::string target = OwnPath(IncludeOf(file.lines[i]));
      const std::optional<size_t> to = RoomAt(rooms, target);
      if (!to || *to == *from) continue;
      const auto& entries = rooms[*from].may_include;
      const bool allowed =
          *to < *from && std::any_of(entries.begin(), entries.end(), [&](const std::string& entry) {
            return Covers(entry, rooms[*to].path);
          });
      if (allowed) continue;
      violations.push_back({file.path + " > " + target, At(file, i),
                            rooms[*from].path + " may not include " + rooms[*to].path +
                                ": move the code, or pass in what it needs"});
    }
  }
  return violations;
}

Violations SourcesHaveRoom(const Files& files) {
  const std::vector<Room> rooms = RoomsOf(files);
  Violations violations;
  for (const SourceFile& file : files) {
    if (!IsProduct(file) || RoomAt(rooms, file.path)) continue;
    violations.push_back(
        {file.path, file.path,
         file.Folder() + " is no room of the map: add it to " + std::string(kMap)});
  }
  return violations;
}

Violations CoreIsPure(const Files& files) {
  static const std::vector<std::string_view> kImpure = {"thread",
                                                        "mutex",
                                                        "shared_mutex",
                                                        "condition_variable",
                                                        "future",
                                                        "atomic",
                                                        "latch",
                                                        "barrier",
                                                        "semaphore",
                                                        "stop_token",
                                                        "chrono",
                                                        "ctime",
                                                        "time.h",
                                                        "random",
                                                        "fstream",
                                                        "iostream",
                                                        "filesystem",
                                                        "cstdio",
                                                        "unistd.h",
                                                        "fcntl.h",
                                                        "sys/",
                                                        "netinet/",
                                                        "arpa/",
                                                        "pthread.h",
                                                        "boost/",
                                                        "grpc",
                                                        "spdlog/",
                                                        "base/clock.h",
                                                        "base/descriptors.h"};
  Violations violations;
  for (const SourceFile& file : files) {
    if (!file.IsCode() || !StartsWithAny(file.path, {"detectors/", "daemon/core/"})) continue;
    for (size_t i = 0; i < file.lines.size(); ++i) {
      const std::string path = IncludeOf(file.lines[i]).path;
      const bool impure = std::any_of(kImpure.begin(), kImpure.end(), [&](std::string_view name) {
        const bool prefix = name.ends_with('/') || name == "grpc";
        return prefix ? path.starts_with(name) : path == name;
      });
      if (!impure) continue;
      violations.push_back({file.path + " > " + path, At(file, i),
                            "<" + path + ">: the core has no clock, I/O, lock or randomness; " +
                                "pass in what it needs"});
    }
  }
  return violations;
}

Violations ThirdPartiesStayAtHome(const Files& files) {
  struct Home {
    std::string_view include;
    std::vector<std::string_view> files;
  };
  static const std::vector<std::string_view> kGrpc = {"daemon/edge/grpc/",   "daemon/edge/ingest/",
                                                      "daemon/edge/review/", "daemon/client/",
                                                      "daemon/cli/",         "cmake/precompiled/"};
  static const std::vector<Home> kHomes = {
      {"rocksdb/", {"storage/rocks/"}},
      {"yaml-cpp/", {"daemon/config/"}},
      {"spdlog/", {"daemon/log/"}},
      {"prometheus/", {"daemon/edge/metrics/"}},
      {"boost/asio", {"daemon/edge/http/"}},
      {"boost/beast", {"daemon/edge/http/"}},
      {"Eigen/", {"detectors/anomaly/"}},
      {"CLI/", {"daemon/cli/", "daemon/main.cc", "daemon/serve."}},
      {"grpc", kGrpc},
      {"gtest/", {"cmake/precompiled/"}},
      {"gmock/", {"cmake/precompiled/"}},
  };
  Violations violations;
  for (const SourceFile& file : files) {
    if (!file.IsCode() || file.path.starts_with("tests/")) continue;
    for (size_t i = 0; i < file.lines.size(); ++i) {
      const std::string path = IncludeOf(file.lines[i]).path;
      const auto add = [&](std::string_view what) {
        violations.push_back({file.path + " > " + path, At(file, i),
                              std::string(what) + " has a home: use what that home offers"});
      };
      for (const Home& home : kHomes) {
        if (path.starts_with(home.include) && !StartsWithAny(file.path, home.files)) {
          add(home.include);
        }
      }
      if (path.ends_with(".grpc.pb.h") && !StartsWithAny(file.path, kGrpc)) add("a gRPC service");
    }
  }
  return violations;
}

Violations FoldersFit(const Files& files) {
  std::map<std::string, std::set<std::string>> sources;
  for (const SourceFile& file : files) {
    // A header and its source are one.
    if (file.IsCode()) sources[file.Folder()].insert(file.Stem());
  }
  Violations violations;
  for (const auto& [folder, stems] : sources) {
    if (stems.size() <= kSourcesMax) continue;
    violations.push_back({folder, folder,
                          std::to_string(stems.size()) + " sources, the limit is " +
                              std::to_string(kSourcesMax) + ": find the rooms in it"});
  }
  return violations;
}

namespace {

// Everything that a test includes of the product, also through the tests' own headers and sources.
void CollectIncludes(const std::map<std::string, const SourceFile*>& by_path,
                     const std::string& path, std::set<std::string>& seen) {
  const auto file = by_path.find(path);
  if (file == by_path.end()) return;
  for (const std::string& line : file->second->lines) {
    const std::string target = OwnPath(IncludeOf(line));
    if (target.empty() || !seen.insert(target).second) continue;
    if (!target.starts_with("tests/")) continue;
    CollectIncludes(by_path, target, seen);
    CollectIncludes(by_path, target.substr(0, target.rfind('.')) + ".cc", seen);
  }
}

bool HasPlaceOfItsOwn(std::string_view path) {
  return StartsWithAny(path, {"tests/sim/", "tests/e2e/", "tests/fuzz/", "tests/bench/",
                              "tests/support/", "tests/tidy/", "tests/contract/"});
}

}  // namespace

Violations TestsStandBesideSources(const Files& files) {
  std::map<std::string, const SourceFile*> by_path;
  std::map<std::string, std::set<std::string>> folders_of_stem;
  std::set<std::string> folders;
  for (const SourceFile& file : files) {
    by_path[file.path] = &file;
    if (!IsProduct(file)) continue;
    folders.insert(file.Folder());
    folders_of_stem[file.Stem()].insert(file.Folder());
  }
  Violations violations;
  for (const SourceFile& file : files) {
    if (!file.path.starts_with("tests/") || !file.path.ends_with("_test.cc")) continue;
    if (HasPlaceOfItsOwn(file.path)) continue;
    const std::string folder = file.path == "tests/" + file.Stem() + ".cc"
                                   ? std::string()
                                   : file.Folder().substr(std::string_view("tests/").size());
    const std::string stem = file.Stem().substr(0, file.Stem().size() - 5);  // less "_test"
    const auto tested = folders_of_stem.find(stem);
    const auto add = [&](const std::string& text) {
      violations.push_back({file.path, file.path, text});
    };
    if (!folders.contains(folder)) {
      add("no source lies in " + folder + "/: a test stands where what it tests does");
    } else if (tested != folders_of_stem.end()) {
      if (!tested->second.contains(folder)) {
        add("it is named after a source in " + *tested->second.begin() + "/: move or rename it");
      }
    } else {
      std::set<std::string> included;
      CollectIncludes(by_path, file.path, included);
      if (std::none_of(included.begin(), included.end(),
                       [&](const std::string& path) { return path.starts_with(folder + "/"); })) {
        add("it includes nothing from " + folder + "/: a test stands where what it tests does");
      }
    }
  }
  return violations;
}

Violations SourcesAreBuilt(const Files& files) {
  std::string lists;
  for (const SourceFile& file : files) {
    if (!file.path.ends_with("CMakeLists.txt") && !file.path.ends_with(".cmake")) continue;
    for (const std::string& line : file.lines) lists += line + "\n";
  }
  Violations violations;
  for (const SourceFile& file : files) {
    if (!file.path.ends_with(".cc")) continue;
    if (lists.find(file.Stem() + ".cc") != std::string::npos) continue;
    violations.push_back(
        {file.path, file.path, "no CMakeLists.txt names it: add it there or delete it"});
  }
  return violations;
}

}  // namespace faultline::tidy
