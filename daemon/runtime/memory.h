#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace faultline {

// Resident memory of this process in bytes, 0 if the system does not say. Costs a few microseconds.
uint64_t ResidentBytes();

// The memory that the control group of this process, or one above it, allows: the least of them.
// Nothing if there is no limit. Reads versions 1 and 2 (kernel documentation, cgroup-v1/memory,
// cgroup-v2). The paths are parameters for tests.
std::optional<uint64_t> ControlGroupMemory(const std::string& groups = "/proc/self/cgroup",
                                           const std::string& root = "/sys/fs/cgroup");

// The ceiling for a daemon whose control group allows so much: a tenth stays for what the group
// counts besides, such as files that were just written. Never below kMemoryBytesLeast.
uint64_t CeilingWithin(uint64_t allowed);

}  // namespace faultline
