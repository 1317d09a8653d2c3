#include "base/http_url.h"

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <charconv>

#include "base/clean_text.h"

namespace faultline {
namespace {

constexpr size_t kShownBytesMax = 64;

// Digits alone, as a number of at most `max`.
bool ReadDigits(std::string_view text, uint64_t max, uint64_t* number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
  return error == std::errc() && end == text.data() + text.size() && *number <= max;
}

}  // namespace

absl::StatusOr<HttpUrl> ParseHttpUrl(std::string_view text) {
  constexpr std::string_view kScheme = "http://";
  const absl::Status refused = absl::InvalidArgumentError(absl::StrCat(
      CleanText(text, kShownBytesMax), ": expected an address such as http://127.0.0.1:9093"));
  // What would end the request line early, or name more than a place.
  const bool plain = std::all_of(
      text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f && c != '?' && c != '#'; });
  if (!text.starts_with(kScheme) || !plain || text.find('@') != text.npos) return refused;
  text.remove_prefix(kScheme.size());
  HttpUrl url;
  std::string_view place = text.substr(0, text.find('/'));
  url.path = text.substr(place.size());
  while (url.path.ends_with('/')) url.path.pop_back();
  const size_t colon = place.rfind(':');
  url.port = 80;
  if (colon != place.npos && !place.ends_with(']')) {
    uint64_t port = 0;
    if (!ReadDigits(place.substr(colon + 1), 65'535, &port) || port == 0) return refused;
    url.port = static_cast<uint16_t>(port);
    place = place.substr(0, colon);
  }
  const bool bracketed = place.size() > 2 && place.front() == '[' && place.back() == ']';
  if (bracketed) {
    place = place.substr(1, place.size() - 2);
    const bool address = place.find(':') != place.npos &&
                         place.find_first_not_of("0123456789abcdefABCDEF:.") == place.npos;
    if (!address) return refused;
  } else if (place.empty() || place.find_first_of(":[]") != place.npos) {
    return refused;
  }
  url.host = place;
  return url;
}

}  // namespace faultline
