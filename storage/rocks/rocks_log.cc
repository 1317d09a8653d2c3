#include "storage/rocks/rocks_log.h"

#include <absl/strings/str_cat.h>
#include <absl/time/time.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <mutex>
#include <utility>

#include "base/clock.h"

namespace faultline {
namespace {

constexpr off_t kFileBytesMax = 1 << 20;
constexpr size_t kLineBytesMax = 4 << 10;

class RocksLog final : public rocksdb::Logger {
 public:
  explicit RocksLog(std::string path)
      : Logger(rocksdb::InfoLogLevel::WARN_LEVEL), path_(std::move(path)) {}
  ~RocksLog() override {
    if (file_ >= 0) ::close(file_);
  }

  using rocksdb::Logger::Logv;
  void Logv(const char* format, va_list arguments) override {
    std::array<char, kLineBytesMax> text;
    const int wanted = std::vsnprintf(text.data(), text.size(), format, arguments);
    if (wanted <= 0) return;
    const size_t size = std::min(static_cast<size_t>(wanted), text.size() - 1);
    std::string line =
        absl::FormatTime(absl::FromUnixNanos(WallNowNs()), absl::UTCTimeZone()).append(" ");
    line.append(text.data(), size);
    if (line.back() != '\n') line.push_back('\n');
    const std::lock_guard lock(mutex_);
    Open();
    if (file_ >= 0) (void)!::write(file_, line.data(), line.size());
  }

 private:
  // A full file becomes the previous one.
  void Open() {
    struct stat found {};
    if (file_ >= 0 && ::fstat(file_, &found) == 0 && found.st_size < kFileBytesMax) return;
    if (file_ >= 0) ::close(file_);
    const int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW;
    if (::stat(path_.c_str(), &found) == 0 && found.st_size >= kFileBytesMax) {
      (void)!::rename(path_.c_str(), absl::StrCat(path_, ".old").c_str());
    }
    file_ = ::open(path_.c_str(), flags, 0600);
  }

  const std::string path_;
  std::mutex mutex_;
  int file_ = -1;
};

}  // namespace

std::shared_ptr<rocksdb::Logger> OpenRocksLog(const std::string& folder) {
  return std::make_shared<RocksLog>(absl::StrCat(folder, "/LOG"));
}

}  // namespace faultline
