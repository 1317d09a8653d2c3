#pragma once

#include <cstdint>

namespace faultline {

// Progress of a worker thread.
struct WorkProgress {
  uint64_t done = 0;     // pieces of work since the start
  bool waiting = false;  // it has unfinished work
};

}  // namespace faultline
