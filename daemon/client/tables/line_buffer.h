#pragma once

#include <absl/status/status.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "daemon/client/tables/byte_source.h"

namespace faultline::cli {

// The bytes of a source from the current position on, as far as they have been read.
class LineBuffer {
 public:
  LineBuffer(std::unique_ptr<ByteSource> source, size_t bytes_max)
      : source_(std::move(source)), bytes_max_(bytes_max) {}

  // The bytes read so far. Writable, so that cells can be unquoted in place.
  char* begin() { return bytes_.data() + begin_; }
  std::string_view pending() const { return std::string_view(bytes_).substr(begin_); }
  // Reads about as many bytes again. False at the end of the file, on a read error (see status), or
  // when bytes_max have been read (see full).
  bool More();
  bool full() const { return pending().size() >= bytes_max_; }
  bool ended() const { return ended_; }
  // Moves forward by `size` bytes; `line` counts the line ends among them.
  void Consume(size_t size);
  // Moves past the next line end, however far it is.
  void SkipLine();
  // The line of the current position, counted from 1.
  uint64_t line() const { return line_; }
  const absl::Status& status() const { return status_; }
  double progress() const { return source_->progress(); }

 private:
  std::unique_ptr<ByteSource> source_;
  size_t bytes_max_;
  std::string bytes_;
  size_t begin_ = 0;
  uint64_t line_ = 1;
  bool ended_ = false;
  absl::Status status_;
};

// False if the text is not valid UTF-8 or holds a NUL byte; `why` says which.
bool IsCleanText(std::string_view text, const char** why);

}  // namespace faultline::cli
