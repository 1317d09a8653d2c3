#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "tests/support/daemon_child.h"

namespace faultline::testing {

// A small file system in memory, mounted in a namespace of its own, so that no right to mount is
// needed. Everybody reaches it by path(), for as long as the object lives.
class PrivateDisk {
 public:
  explicit PrivateDisk(uint64_t bytes);
  ~PrivateDisk();
  PrivateDisk(const PrivateDisk&) = delete;
  PrivateDisk& operator=(const PrivateDisk&) = delete;

  bool mounted() const { return mounted_; }
  std::string path() const;
  std::string File(const std::string& name) const { return path() + "/" + name; }
  // Takes all the room that is left, in a file of that name.
  void Fill(const std::string& name) const;

 private:
  TempFolder folder_;
  pid_t keeper_ = -1;
  int lifeline_ = -1;
  bool mounted_ = false;
};

}  // namespace faultline::testing
