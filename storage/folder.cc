#include "storage/folder.h"

#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

namespace faultline {
namespace {

constexpr const char* kLockName = "faultline.lock";

std::string OwnerOf(int file) {
  char text[32];
  const ssize_t size = ::pread(file, text, sizeof text, 0);
  if (size <= 0) return "another process";
  std::string_view pid(text, static_cast<size_t>(size));
  return absl::StrCat("process ", std::string(pid.substr(0, pid.find('\n'))));
}

}  // namespace

absl::Status ErrnoStatus(int error, std::string_view doing) {
  const std::string message =
      absl::StrCat(std::string(doing), ": ", std::generic_category().message(error));
  switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return absl::ResourceExhaustedError(message);
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::PermissionDeniedError(message);
    case ENOENT:
      return absl::NotFoundError(message);
    default:
      return absl::UnavailableError(message);
  }
}

absl::Status CreatePrivateFolder(const std::string& folder) {
  std::error_code error;
  std::filesystem::path path(folder);
  if (!path.has_filename()) path = path.parent_path();  // "a/b/" names a/b
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path(), error);
  if (error) return ErrnoStatus(error.value(), absl::StrCat("cannot create folder ", folder));
  if (::mkdir(path.c_str(), 0700) == 0) return absl::OkStatus();
  const int failure = errno;
  if (failure == EEXIST && std::filesystem::is_directory(path, error)) return absl::OkStatus();
  if (failure == EEXIST) {
    return absl::FailedPreconditionError(
        absl::StrCat(folder, " exists but is not a folder; remove it or choose another path"));
  }
  return ErrnoStatus(failure, absl::StrCat("cannot create folder ", folder));
}

absl::Status SyncFolder(const std::string& folder) {
  const int file = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return ErrnoStatus(errno, absl::StrCat("cannot open folder ", folder));
  const int result = ::fsync(file);
  const int failure = errno;
  ::close(file);
  if (result != 0) return ErrnoStatus(failure, absl::StrCat("cannot sync folder ", folder));
  return absl::OkStatus();
}

absl::StatusOr<FolderLock> FolderLock::Acquire(const std::string& folder) {
  const std::string path = absl::StrCat(folder, "/", kLockName);
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) return ErrnoStatus(errno, absl::StrCat("cannot open ", path));
  FolderLock lock(file);
  if (::flock(file, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return ErrnoStatus(errno, absl::StrCat("cannot lock ", path));
    return absl::FailedPreconditionError(
        absl::StrCat("folder ", folder, " is in use by ", OwnerOf(file),
                     "; one folder has one daemon: stop that one, or use another folder"));
  }
  // For people only; a full disk must not make this fail.
  const std::string pid = absl::StrCat(::getpid(), "\n");
  if (::ftruncate(file, 0) == 0) (void)!::pwrite(file, pid.data(), pid.size(), 0);
  return lock;
}

FolderLock::FolderLock(FolderLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}

FolderLock& FolderLock::operator=(FolderLock&& other) noexcept {
  std::swap(file_, other.file_);
  return *this;
}

FolderLock::~FolderLock() {
  if (file_ >= 0) ::close(file_);
}

}  // namespace faultline
