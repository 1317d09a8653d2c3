#pragma once

#include <chrono>
#include <functional>
#include <thread>

namespace faultline::testing {

// Asks again and again until `done` says yes or the deadline has passed; the deadline is generous,
// because machines differ.
inline bool WaitUntil(const std::function<bool()>& done,
                      std::chrono::seconds deadline = std::chrono::seconds(120)) {
  const auto end = std::chrono::steady_clock::now() + deadline;
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

}  // namespace faultline::testing
