#pragma once

#include <sys/resource.h>

#include <algorithm>
#include <cstdint>

namespace faultline {

// File descriptors from this number on are reserved for the store and for libraries; connections
// do not use them.
inline int DescriptorsForConnections() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return INT32_MAX;
  const auto all = static_cast<int64_t>(std::min<rlim_t>(limit.rlim_cur, INT32_MAX));
  return static_cast<int>(all - std::min<int64_t>(64, all / 8));
}

}  // namespace faultline
