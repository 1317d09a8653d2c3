#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <string>
#include <string_view>

namespace faultline {

// A failed system call as a status: RESOURCE_EXHAUSTED for a full disk, quota or file size limit,
// PERMISSION_DENIED also for a read-only file system, NOT_FOUND, UNAVAILABLE otherwise (probably
// the disk). `doing` reads like "cannot write /x/y".
absl::Status ErrnoStatus(int error, std::string_view doing);

// Creates the folder for its owner alone (0700), and its parents with the umask. An existing folder
// stays as it is.
absl::Status CreatePrivateFolder(const std::string& folder);

// Syncs the folder, so that the names in it survive a power loss.
absl::Status SyncFolder(const std::string& folder);

// A folder's one owner: an exclusive lock on its file `faultline.lock`, which also names the
// owner's process. Ends with the object or the process.
class FolderLock {
 public:
  // FAILED_PRECONDITION, with the folder and the owner's process, if another process owns it.
  static absl::StatusOr<FolderLock> Acquire(const std::string& folder);

  FolderLock(FolderLock&& other) noexcept;
  FolderLock& operator=(FolderLock&& other) noexcept;
  ~FolderLock();

 private:
  explicit FolderLock(int file) : file_(file) {}

  int file_ = -1;
};

}  // namespace faultline
