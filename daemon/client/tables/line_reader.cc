#include "daemon/client/tables/line_reader.h"

#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/utf8.h"

namespace faultline::cli {
namespace {

constexpr size_t kReadBytesMin = 64 * 1024;

}  // namespace

RowResult LineReader::Next(std::string_view* line, std::string* reason) {
  if (!std::exchange(started_, true)) ReadMark();
  Consume(std::exchange(record_bytes_, 0));
  record_line_ = line_;
  size_t scanned = 0;
  size_t end = std::string_view::npos;
  for (;;) {
    end = pending().find('\n', scanned);
    if (end != std::string_view::npos) break;
    scanned = pending().size();
    if (!More()) break;
  }
  if (end == std::string_view::npos) {
    if (full()) return Refuse(absl::StrCat("longer than ", bytes_max_, " bytes"), reason);
    end = pending().size();
    if (end == 0) return RowResult::kEnd;
    if (!status_.ok()) {
      open_end_ = true;
      return Refuse("the file ends in the middle of this line", reason);
    }
  }
  EndRecord(end);
  *line = pending().substr(0, end);
  return RowResult::kRow;
}

void LineReader::ReadMark() {
  while (pending().size() < 3 && More()) {
  }
  const std::string_view start = pending();
  if (start.starts_with("\xef\xbb\xbf")) {
    Consume(3);
  } else if (start.starts_with("\xff\xfe") || start.starts_with("\xfe\xff")) {
    status_ = absl::InvalidArgumentError("line 1: UTF-16; expected UTF-8");
    ended_ = true;
    Consume(start.size());
  }
}

void LineReader::EndRecord(size_t size) {
  open_end_ = size == pending().size();
  record_bytes_ = size + (open_end_ ? 0 : 1);
}

bool LineReader::More() {
  if (ended_ || full()) return false;
  bytes_.erase(0, begin_);
  begin_ = 0;
  const size_t have = bytes_.size();
  const size_t want =
      std::min(std::max(kReadBytesMin, have), std::max<size_t>(1, bytes_max_ - have));
  bytes_.resize(have + want);
  const absl::StatusOr<size_t> got = source_->Read(bytes_.data() + have, want);
  bytes_.resize(have + (got.ok() ? *got : 0));
  if (!got.ok()) status_ = got.status();
  ended_ = !got.ok() || *got == 0;
  return !ended_;
}

void LineReader::Consume(size_t size) {
  const char* at = begin();
  line_ += static_cast<uint64_t>(std::count(at, at + size, '\n'));
  begin_ += size;
}

RowResult LineReader::Refuse(std::string why, std::string* reason) {
  *reason = std::move(why);
  record_bytes_ = 0;
  for (;;) {
    const std::string_view here = pending();
    const size_t end = here.find('\n');
    if (end != std::string_view::npos) {
      Consume(end + 1);
      break;
    }
    Consume(here.size());
    if (!More()) break;
  }
  return RowResult::kRefused;
}

bool IsCleanText(std::string_view text, const char** why) {
  if (std::memchr(text.data(), '\0', text.size()) != nullptr) {
    *why = "a NUL byte";
    return false;
  }
  const bool ascii = std::none_of(text.begin(), text.end(), [](char c) { return (c & 0x80) != 0; });
  if (!ascii && Utf8PrefixBytes(text) != text.size()) {
    *why = "not valid UTF-8";
    return false;
  }
  return true;
}

}  // namespace faultline::cli
