#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

namespace faultline {

// The only readers of the clocks; the core gets time handed in.

// Nanoseconds since 1970 UTC. May jump; labels things, never measures spans.
inline int64_t WallNowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// Nanoseconds since an arbitrary start. Never goes back; measures spans.
inline int64_t SteadyNowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// A pair of clocks: the machine's, or those of a simulation.
struct Clock {
  std::function<int64_t()> wall_ns = WallNowNs;
  std::function<int64_t()> steady_ns = SteadyNowNs;
};

}  // namespace faultline
