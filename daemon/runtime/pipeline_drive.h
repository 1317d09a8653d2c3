#pragma once

#include <cstdint>
#include <functional>

#include "base/clock.h"
#include "daemon/runtime/memory.h"

namespace faultline {

// What drives a pipeline. The simulation runs the same code without threads, on its own clocks.
struct PipelineDrive {
  Clock clock;
  std::function<uint64_t()> resident_bytes = ResidentBytes;
  bool threads = true;
};

}  // namespace faultline
