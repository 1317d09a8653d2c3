#pragma once

#include <chrono>
#include <cstdint>

namespace faultline {

// The only readers of the clocks; the core gets time handed in.

// Nanoseconds since 1970 UTC. May jump; labels things, never measures spans.
inline int64_t WallNowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// Nanoseconds since some start. Never goes back; measures spans.
inline int64_t SteadyNowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace faultline
