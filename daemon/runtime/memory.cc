#include "daemon/runtime/memory.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "daemon/core/settings/limits.h"

namespace faultline {
namespace {

// Version 1 writes the largest multiple of a page for "none".
constexpr uint64_t kNoLimit = uint64_t{1} << 60;

std::optional<uint64_t> ReadLimit(const std::string& path) {
  std::ifstream file(path);
  uint64_t bytes = 0;
  if (!(file >> bytes) || bytes == 0 || bytes >= kNoLimit) return std::nullopt;  // "max"
  return bytes;
}

// Of a group and all above it.
std::optional<uint64_t> LeastLimit(const std::string& root, std::string group, const char* file) {
  std::optional<uint64_t> least;
  while (true) {
    const std::optional<uint64_t> limit = ReadLimit(root + group + "/" + file);
    if (limit.has_value()) least = std::min(limit.value(), least.value_or(kNoLimit));
    const size_t slash = group.rfind('/');
    if (slash == std::string::npos) return least;
    group.resize(slash);
  }
}

}  // namespace

uint64_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  uint64_t size = 0;
  uint64_t resident = 0;
  statm >> size >> resident;
  return statm ? resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE)) : 0;
}

std::optional<uint64_t> ControlGroupMemory(const std::string& groups, const std::string& root) {
  std::optional<uint64_t> least;
  std::ifstream file(groups);
  for (std::string line; std::getline(file, line);) {
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    std::string group = line.substr(second + 1);
    if (group == "/") group.clear();
    std::optional<uint64_t> limit;
    if (controllers.empty()) {
      limit = LeastLimit(root, group, "memory.max");
    } else if (("," + controllers + ",").find(",memory,") != std::string::npos) {
      limit = LeastLimit(root + "/memory", group, "memory.limit_in_bytes");
    }
    if (limit.has_value()) least = std::min(limit.value(), least.value_or(kNoLimit));
  }
  return least;
}

uint64_t CeilingWithin(uint64_t allowed) { return std::max(allowed / 10 * 9, kMemoryBytesLeast); }

}  // namespace faultline
