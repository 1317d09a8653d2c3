#pragma once

#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace faultline::cli {

// Bytes of a file or of standard input, unpacked if they are gzip (recognised by their first bytes,
// not by the name; several members in a row are one stream).
//
// Concurrency:  one thread.
// Limitations:  holds two fixed buffers, whatever the file's size.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // Up to `size` bytes; 0 at the end. DATA_LOSS if a gzip stream is damaged or truncated, after all
  // bytes that could be decompressed. UNAVAILABLE if the file cannot be read.
  absl::StatusOr<size_t> Read(char* out, size_t size);
  // The next `size` bytes, fewer only at the end; they are still to be read.
  absl::StatusOr<std::string> Peek(size_t size);
  // Share of the file that was read, 0 to 1; negative if its size is not known.
  virtual double progress() const = 0;

 private:
  virtual absl::StatusOr<size_t> Pull(char* out, size_t size) = 0;

  std::string peeked_;
};

// "-" is standard input. NOT_FOUND, PERMISSION_DENIED or INVALID_ARGUMENT (a folder) name the path.
absl::StatusOr<std::unique_ptr<ByteSource>> OpenByteSource(const std::string& path);

}  // namespace faultline::cli
