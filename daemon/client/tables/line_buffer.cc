#include "daemon/client/tables/line_buffer.h"

#include <absl/status/statusor.h>

#include <algorithm>
#include <cstring>

#include "base/utf8.h"

namespace faultline::cli {
namespace {

constexpr size_t kReadBytesMin = 64 * 1024;

}  // namespace

bool LineBuffer::More() {
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

void LineBuffer::Consume(size_t size) {
  const char* at = begin();
  line_ += static_cast<uint64_t>(std::count(at, at + size, '\n'));
  begin_ += size;
}

void LineBuffer::SkipLine() {
  for (;;) {
    const std::string_view here = pending();
    const size_t end = here.find('\n');
    if (end != std::string_view::npos) return Consume(end + 1);
    Consume(here.size());
    if (!More()) return;
  }
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
