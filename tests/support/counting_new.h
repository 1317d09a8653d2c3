#pragma once

#include <cstdint>
#include <optional>

namespace faultline::testing {

// How often operator new was called. An executable that has counting_new.cc counts; nothing under
// sanitizers, which have an operator new of their own.
std::optional<uint64_t> AllocationsSoFar();

}  // namespace faultline::testing
