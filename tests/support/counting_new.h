#pragma once

#include <cstdint>

namespace faultline::testing {

// How often operator new was called. An executable that has counting_new.cc counts.
uint64_t AllocationsSoFar();

}  // namespace faultline::testing
