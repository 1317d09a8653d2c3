#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace faultline {

// Commits by duration, from the checkpoint to the store's answer.
struct CommitTimes {
  static constexpr std::array<double, 11> kBounds = {0.0001, 0.00025, 0.001, 0.0025, 0.01, 0.025,
                                                     0.1,    0.25,    1,     2.5,    10};
  // counts[i]: commits above kBounds[i - 1] and up to kBounds[i] seconds; the last: above all.
  std::array<uint64_t, kBounds.size() + 1> counts{};
  double sum = 0;

  void Count(double seconds) {
    size_t i = 0;
    while (i < kBounds.size() && seconds > kBounds[i]) ++i;
    ++counts[i];
    sum += seconds;
  }
};

}  // namespace faultline
