#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace faultline {

// Resident memory of this process in bytes, 0 if the system does not say. Costs a few microseconds.
uint64_t ResidentBytes();

// The smallest memory limit of this process' control group and those above it. Empty without a
// limit. Reads versions 1 and 2 (kernel documentation, cgroup-v1/memory, cgroup-v2). The paths are
// parameters for tests.
std::optional<uint64_t> ControlGroupMemory(const std::string& groups = "/proc/self/cgroup",
                                           const std::string& root = "/sys/fs/cgroup");

// The memory ceiling under a control group's limit: a tenth is left for what the group charges
// besides, such as recently written files. Never below kMemoryBytesLeast.
uint64_t CeilingWithin(uint64_t allowed);

}  // namespace faultline
