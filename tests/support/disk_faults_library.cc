// Loaded before the C library into a program under test: see disk_faults.h. Calls the kernel
// directly, because it is in use before anything is set up.

#include <fcntl.h>
#include <linux/limits.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <cstring>

#include "tests/support/disk_faults.h"

namespace {

using faultline::testing::DiskFault;
using faultline::testing::DiskFaultControl;

DiskFaultControl* control = nullptr;
const char* prefix = nullptr;

__attribute__((constructor)) void Attach() {
  const char* path = getenv("FAULTLINE_TEST_DISK_CONTROL");
  prefix = getenv("FAULTLINE_TEST_DISK");
  if (path == nullptr || prefix == nullptr) return;
  const long fd = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  void* shared = mmap(nullptr, sizeof(DiskFaultControl), PROT_READ | PROT_WRITE, MAP_SHARED,
                      static_cast<int>(fd), 0);
  syscall(SYS_close, fd);
  if (shared != MAP_FAILED) control = static_cast<DiskFaultControl*>(shared);
}

DiskFault Fault() { return control == nullptr ? DiskFault::kNone : control->fault.load(); }

bool Below(const char* path) {
  return path != nullptr && strncmp(path, prefix, strlen(prefix)) == 0;
}

bool Below(int fd) {
  char link[32] = "/proc/self/fd/";
  char* end = link + strlen(link);
  char digits[12];
  int count = 0;
  do digits[count++] = static_cast<char>('0' + fd % 10);
  while ((fd /= 10) > 0);
  while (count > 0) *end++ = digits[--count];
  *end = '\0';
  char target[PATH_MAX];
  const long size = syscall(SYS_readlink, link, target, sizeof target - 1);
  if (size <= 0) return false;
  target[size] = '\0';
  return Below(target);
}

template <typename File>
bool RefusedAsReadOnly(File file) {
  if (Fault() != DiskFault::kReadOnly || !Below(file)) return false;
  ++control->hits;
  errno = EROFS;
  return true;
}

void WaitWhileStalled(int fd) {
  if (Fault() != DiskFault::kStalls || !Below(fd)) return;
  ++control->hits;
  const timespec pause{0, 5'000'000};
  while (Fault() == DiskFault::kStalls) nanosleep(&pause, nullptr);
}

constexpr int kFilesMax = 4'096;
// How long a file was when it was synced last, by descriptor.
std::atomic<off_t> synced_bytes[kFilesMax];

off_t BytesOf(int fd) {
  struct stat found {};
  return syscall(SYS_fstat, fd, &found) == 0 ? found.st_size : 0;
}

int Sync(long call, int fd) {
  auto expected = DiskFault::kSyncFails;
  const bool ours = control != nullptr && fd < kFilesMax && Below(fd);
  if (ours && control->fault.compare_exchange_strong(expected, DiskFault::kNone)) {
    ++control->hits;
    syscall(SYS_ftruncate, fd, synced_bytes[fd].load());
    errno = EIO;
    return -1;
  }
  const off_t bytes = ours ? BytesOf(fd) : 0;
  const int result = static_cast<int>(syscall(call, fd));
  if (ours && result == 0) synced_bytes[fd] = bytes;
  return result;
}

int OpenAt(int folder, const char* path, int flags, mode_t mode) {
  if ((flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)) != 0 && RefusedAsReadOnly(path)) return -1;
  const int fd = static_cast<int>(syscall(SYS_openat, folder, path, flags, mode));
  if (fd >= 0 && fd < kFilesMax) synced_bytes[fd] = (flags & O_TRUNC) != 0 ? 0 : BytesOf(fd);
  return fd;
}

mode_t ModeOf(int flags, va_list arguments) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = ModeOf(flags, arguments);
  va_end(arguments);
  return OpenAt(AT_FDCWD, path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = ModeOf(flags, arguments);
  va_end(arguments);
  return OpenAt(AT_FDCWD, path, flags, mode);
}

ssize_t write(int fd, const void* data, size_t size) {
  WaitWhileStalled(fd);
  return RefusedAsReadOnly(fd) ? -1 : syscall(SYS_write, fd, data, size);
}

ssize_t pwrite(int fd, const void* data, size_t size, off_t offset) {
  WaitWhileStalled(fd);
  return RefusedAsReadOnly(fd) ? -1 : syscall(SYS_pwrite64, fd, data, size, offset);
}

ssize_t pwrite64(int fd, const void* data, size_t size, off64_t offset) {
  WaitWhileStalled(fd);
  return RefusedAsReadOnly(fd) ? -1 : syscall(SYS_pwrite64, fd, data, size, offset);
}

int fsync(int fd) {
  WaitWhileStalled(fd);
  return Sync(SYS_fsync, fd);
}

int fdatasync(int fd) {
  WaitWhileStalled(fd);
  return Sync(SYS_fdatasync, fd);
}

int ftruncate(int fd, off_t size) noexcept {
  return RefusedAsReadOnly(fd) ? -1 : static_cast<int>(syscall(SYS_ftruncate, fd, size));
}

int ftruncate64(int fd, off64_t size) noexcept {
  return RefusedAsReadOnly(fd) ? -1 : static_cast<int>(syscall(SYS_ftruncate, fd, size));
}

int rename(const char* from, const char* to) noexcept {
  if (RefusedAsReadOnly(to)) return -1;
  return static_cast<int>(syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to));
}

int unlink(const char* path) noexcept {
  if (RefusedAsReadOnly(path)) return -1;
  return static_cast<int>(syscall(SYS_unlinkat, AT_FDCWD, path, 0));
}

int mkdir(const char* path, mode_t mode) noexcept {
  if (RefusedAsReadOnly(path)) return -1;
  return static_cast<int>(syscall(SYS_mkdirat, AT_FDCWD, path, mode));
}

}  // extern "C"
