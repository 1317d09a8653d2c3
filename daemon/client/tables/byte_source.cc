#include "daemon/client/tables/byte_source.h"

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

namespace faultline::cli {
namespace {

constexpr size_t kChunkBytes = 128 * 1024;

class FileSource final : public ByteSource {
 public:
  FileSource(int file, std::string path, uint64_t size)
      : file_(file), path_(std::move(path)), size_(size) {}
  ~FileSource() override {
    if (file_ != STDIN_FILENO) close(file_);
  }

  absl::StatusOr<size_t> Pull(char* out, size_t size) override {
    for (;;) {
      const ssize_t got = read(file_, out, size);
      if (got >= 0) {
        read_ += static_cast<uint64_t>(got);
        return static_cast<size_t>(got);
      }
      if (errno != EINTR) {
        return absl::UnavailableError(absl::StrCat(path_, ": ", std::strerror(errno)));
      }
    }
  }

  double progress() const override {
    if (size_ == 0) return -1;
    return std::min(1.0, static_cast<double>(read_) / static_cast<double>(size_));
  }

 private:
  int file_;
  std::string path_;
  uint64_t size_;
  uint64_t read_ = 0;
};

class GzipSource final : public ByteSource {
 public:
  GzipSource(std::unique_ptr<ByteSource> packed, std::string path)
      : packed_(std::move(packed)), path_(std::move(path)), in_(kChunkBytes) {}
  ~GzipSource() override {
    if (started_) inflateEnd(&stream_);
  }

  absl::StatusOr<size_t> Pull(char* out, size_t size) override {
    if (!started_) {
      if (inflateInit2(&stream_, 15 + 16) != Z_OK) {
        return absl::ResourceExhaustedError(
            absl::StrCat(path_, ": not enough memory to decompress it"));
      }
      started_ = true;
    }
    for (;;) {
      if (stream_.avail_in == 0) {
        absl::StatusOr<size_t> got = packed_->Read(in_.data(), in_.size());
        if (!got.ok()) return got;
        if (*got == 0 && between_members_) return size_t{0};
        if (*got == 0) return Damaged("ends too early; the file may be truncated");
        stream_.next_in = reinterpret_cast<Bytef*>(in_.data());
        stream_.avail_in = static_cast<uInt>(*got);
      }
      between_members_ = false;
      stream_.next_out = reinterpret_cast<Bytef*>(out);
      stream_.avail_out = static_cast<uInt>(size);
      const int result = inflate(&stream_, Z_NO_FLUSH);
      const size_t unpacked = size - stream_.avail_out;
      if (result == Z_STREAM_END) {
        between_members_ = true;
        inflateReset(&stream_);
      } else if (result != Z_OK && result != Z_BUF_ERROR) {
        if (unpacked > 0) return unpacked;
        return Damaged("is damaged");
      }
      if (unpacked > 0) return unpacked;
    }
  }

  double progress() const override { return packed_->progress(); }

 private:
  absl::Status Damaged(const char* how) const {
    return absl::DataLossError(absl::StrCat(path_, ": the gzip stream ", how));
  }

  std::unique_ptr<ByteSource> packed_;
  std::string path_;
  std::vector<char> in_;
  z_stream stream_{};
  bool started_ = false;
  bool between_members_ = false;
};

absl::StatusOr<std::unique_ptr<ByteSource>> OpenFile(const std::string& path) {
  if (path == "-") return std::make_unique<FileSource>(STDIN_FILENO, "standard input", 0);
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return absl::ErrnoToStatus(errno, path);
  struct stat status {};
  const bool known = fstat(file, &status) == 0;
  if (known && S_ISDIR(status.st_mode)) {
    close(file);
    return absl::InvalidArgumentError(absl::StrCat(path, ": is a folder; expected a file"));
  }
  const uint64_t size =
      known && S_ISREG(status.st_mode) ? static_cast<uint64_t>(status.st_size) : 0;
  return std::make_unique<FileSource>(file, path, size);
}

}  // namespace

absl::StatusOr<size_t> ByteSource::Read(char* out, size_t size) {
  if (peeked_.empty()) return Pull(out, size);
  const size_t n = std::min(size, peeked_.size());
  std::memcpy(out, peeked_.data(), n);
  peeked_.erase(0, n);
  return n;
}

absl::StatusOr<std::string> ByteSource::Peek(size_t size) {
  while (peeked_.size() < size) {
    const size_t have = peeked_.size();
    peeked_.resize(size);
    const absl::StatusOr<size_t> got = Pull(peeked_.data() + have, size - have);
    peeked_.resize(have + (got.ok() ? *got : 0));
    if (!got.ok()) return got.status();
    if (*got == 0) break;
  }
  return peeked_.substr(0, size);
}

absl::StatusOr<std::unique_ptr<ByteSource>> OpenByteSource(const std::string& path) {
  absl::StatusOr<std::unique_ptr<ByteSource>> file = OpenFile(path);
  if (!file.ok()) return file.status();
  const absl::StatusOr<std::string> first = (*file)->Peek(2);
  if (!first.ok()) return first.status();
  if (*first != "\x1f\x8b") return file;
  return std::make_unique<GzipSource>(*std::move(file), path);
}

}  // namespace faultline::cli
