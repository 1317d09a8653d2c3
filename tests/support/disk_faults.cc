#include "tests/support/disk_faults.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace faultline::testing {

DiskFaults::DiskFaults(const std::string& library, const std::string& folder)
    : library_(library), prefix_(folder) {
  WriteFile(folder_.File("control"), std::string(sizeof(DiskFaultControl), '\0'));
  const int fd = open(folder_.File("control").c_str(), O_RDWR | O_CLOEXEC);
  void* shared = mmap(nullptr, sizeof(DiskFaultControl), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (shared != MAP_FAILED) control_ = static_cast<DiskFaultControl*>(shared);
}

DiskFaults::~DiskFaults() {
  if (control_ != nullptr) munmap(control_, sizeof(DiskFaultControl));
}

std::vector<std::string> DiskFaults::environment() const {
  return {"LD_PRELOAD=" + library_, "FAULTLINE_TEST_DISK=" + prefix_,
          "FAULTLINE_TEST_DISK_CONTROL=" + folder_.File("control")};
}

}  // namespace faultline::testing
