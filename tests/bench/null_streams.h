#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "tests/support/streams.h"

namespace faultline::bench {

// Streams on which nothing ever changes: whatever alarms on them is false. One value a second, for
// those that have seasons.
struct NullStream {
  std::string_view name;
  // What the law of the values may depend on besides chance.
  struct Past {
    testing::Random random;
    double last = 0;
    uint64_t index = 0;
  };
  double (*next)(Past* past);
};

// normal, student_t3, log_normal, cauchy, uniform, ties, bernoulli_0.5, _0.1, _0.001, ar1_0.3,
// seasonal (a period of 512 values), zero_inflated.
std::span<const NullStream> NullStreams();

}  // namespace faultline::bench
