#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/daemon_child.h"

namespace faultline::testing {

enum class DiskFault : uint32_t {
  kNone,
  kReadOnly,   // every write, new file, renaming or removal fails with EROFS
  kSyncFails,  // one fsync or fdatasync fails with EIO, and what it was to write is gone
  kStalls,     // writes and syncs wait until it is over
};

// What the two sides share.
struct DiskFaultControl {
  std::atomic<DiskFault> fault;
  std::atomic<uint64_t> hits;  // calls that failed or waited
};

// Makes the disk under a folder fail for a process that is started with environment(): its calls to
// the kernel go through a library that is loaded before the C library.
class DiskFaults {
 public:
  // `library`: what disk_faults_library.cc became.
  DiskFaults(const std::string& library, const std::string& folder);
  ~DiskFaults();
  DiskFaults(const DiskFaults&) = delete;
  DiskFaults& operator=(const DiskFaults&) = delete;

  std::vector<std::string> environment() const;
  void Set(DiskFault fault) { control_->fault = fault; }
  uint64_t hits() const { return control_->hits; }

 private:
  TempFolder folder_;
  std::string library_;
  std::string prefix_;
  DiskFaultControl* control_ = nullptr;
};

}  // namespace faultline::testing
