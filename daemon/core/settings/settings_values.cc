#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>
#include <span>

#include "base/clean_text.h"
#include "daemon/core/settings/settings.h"

namespace faultline {
namespace {

constexpr size_t kShownBytesMax = 64;

struct Unit {
  std::string_view name;
  uint64_t factor;
};

constexpr Unit kDurationUnits[] = {{"ms", 1'000'000},
                                   {"s", 1'000'000'000},
                                   {"m", 60'000'000'000},
                                   {"h", 3'600'000'000'000},
                                   {"d", 86'400'000'000'000}};
constexpr Unit kByteUnits[] = {
    {"", 1}, {"KiB", 1ull << 10}, {"MiB", 1ull << 20}, {"GiB", 1ull << 30}, {"TiB", 1ull << 40}};

// Digits alone, as a number of at most `max`.
bool ReadDigits(std::string_view text, uint64_t max, uint64_t* number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
  return error == std::errc() && end == text.data() + text.size() && *number <= max;
}

// Digits and a unit, as a product of at most `max`.
std::optional<uint64_t> ParseQuantity(std::string_view text, std::span<const Unit> units,
                                      uint64_t max) {
  uint64_t number = 0;
  size_t digits = 0;
  for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9'; ++digits) {
    const auto digit = static_cast<uint64_t>(text[digits] - '0');
    if (number > (max - digit) / 10) return std::nullopt;
    number = number * 10 + digit;
  }
  if (digits == 0) return std::nullopt;
  for (const Unit& unit : units) {
    if (unit.name != text.substr(digits)) continue;
    if (number > max / unit.factor) return std::nullopt;
    return number * unit.factor;
  }
  return std::nullopt;
}

}  // namespace

bool MatchesPattern(std::string_view pattern, std::string_view text) {
  size_t at = 0;
  size_t star = std::string_view::npos;  // the last one seen
  size_t resume = 0;                     // where the text goes on if it takes one character more
  size_t i = 0;
  while (i < text.size()) {
    if (at < pattern.size() && pattern[at] == '*') {
      star = at++;
      resume = i;
    } else if (at < pattern.size() && pattern[at] == text[i]) {
      ++at;
      ++i;
    } else if (star != std::string_view::npos) {
      at = star + 1;
      i = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', at) == std::string_view::npos;
}

absl::StatusOr<int64_t> ParseDuration(std::string_view text) {
  const auto ns = ParseQuantity(text, kDurationUnits, std::numeric_limits<int64_t>::max());
  if (ns.has_value()) return static_cast<int64_t>(*ns);
  return absl::InvalidArgumentError(absl::StrCat(CleanText(text, kShownBytesMax),
                                                 ": expected a duration such as 10s, 5m, 2h, 7d"));
}

absl::StatusOr<uint64_t> ParseBytes(std::string_view text) {
  const auto bytes = ParseQuantity(text, kByteUnits, std::numeric_limits<int64_t>::max());
  if (bytes.has_value()) return *bytes;
  return absl::InvalidArgumentError(absl::StrCat(
      CleanText(text, kShownBytesMax), ": expected a size such as 4096, 8KiB, 64MiB, 1GiB"));
}

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
