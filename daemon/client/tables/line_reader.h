#pragma once

#include <absl/status/status.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "daemon/client/tables/byte_source.h"
#include "daemon/client/tables/row_parser.h"

namespace faultline::cli {

// The lines of a source. A record is one line, unless the format lets it span several: then the
// caller extends it with More and EndRecord.
//
// A byte order mark is dropped. UTF-16 ends the lines at once; status() says so.
//
// Limitations:  holds one record of at most bytes_max bytes, and what was read with it.
class LineReader {
 public:
  LineReader(std::unique_ptr<ByteSource> source, size_t bytes_max)
      : source_(std::move(source)), bytes_max_(bytes_max) {}

  // Moves past the last record to the next line and returns it without its LF, valid until the next
  // call that reads. kRefused, with the reason, if the line is longer than bytes_max or cut short
  // by a read error; then it is skipped.
  RowResult Next(std::string_view* line, std::string* reason);
  // The line in which the record begins, counted from 1.
  uint64_t line() const { return record_line_; }

  // What was read from the beginning of the record on. Writable, so that cells can be unquoted in
  // place.
  char* begin() { return bytes_.data() + begin_; }
  std::string_view pending() const { return std::string_view(bytes_).substr(begin_); }
  // Reads about as many bytes again. False at the end of the file, after a read error (see status),
  // or if bytes_max bytes are pending (see full).
  bool More();
  bool full() const { return pending().size() >= bytes_max_; }
  // The record has `size` bytes before its LF, instead of those of its first line.
  void EndRecord(size_t size);

  // Skips the first line of the record; the next record begins after it. Returns kRefused.
  RowResult Refuse(std::string why, std::string* reason);

  // True if the last line has no line end: the file may be truncated.
  bool open_end() const { return open_end_; }
  const absl::Status& status() const { return status_; }
  double progress() const { return source_->progress(); }

 private:
  void ReadMark();
  void Consume(size_t size);

  std::unique_ptr<ByteSource> source_;
  size_t bytes_max_;
  std::string bytes_;
  size_t begin_ = 0;
  size_t record_bytes_ = 0;  // of the record that was returned last, with its LF
  uint64_t record_line_ = 1;
  uint64_t line_ = 1;
  bool started_ = false;
  bool ended_ = false;
  bool open_end_ = false;
  absl::Status status_;
};

// False if the text is not valid UTF-8 or holds a NUL byte; `why` says which.
bool IsCleanText(std::string_view text, const char** why);

}  // namespace faultline::cli
