#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

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
  size_t star = std::string_view::npos;  // the last "*" seen
  size_t resume = 0;                     // where the text resumes if "*" takes one more character
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

}  // namespace faultline
