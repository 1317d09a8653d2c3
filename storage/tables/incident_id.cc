#include "storage/tables/incident_id.h"

#include <absl/status/status.h>
#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>

#include <optional>

namespace faultline {
namespace {

constexpr std::string_view kCrockford = "0123456789abcdefghjkmnpqrstvwxyz";
// 13 digits of 5 bits hold 65: the highest digit has only 4.
constexpr size_t kIncidentDigits = 13;

std::optional<uint64_t> CrockfordDigit(char c) {
  if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  if (c == 'o') c = '0';
  if (c == 'i' || c == 'l') c = '1';
  const size_t digit = kCrockford.find(c);
  if (digit == std::string_view::npos) return std::nullopt;
  return digit;
}

}  // namespace

std::string FormatIncidentId(uint64_t incident_id) {
  std::string text(kIncidentDigits, '0');
  for (size_t i = kIncidentDigits; i-- > 0; incident_id >>= 5) {
    text[i] = kCrockford[incident_id & 31];
  }
  return text;
}

absl::StatusOr<uint64_t> ParseIncidentId(std::string_view text) {
  if (text.size() != kIncidentDigits) {
    return absl::InvalidArgumentError(absl::StrCat("incident id '",
                                                   absl::CHexEscape(std::string(text)),
                                                   "' must have ", kIncidentDigits, " characters"));
  }
  const absl::StatusOr<IncidentIdRange> range = ParseIncidentIdPrefix(text);
  if (!range.ok()) return range.status();
  return range->first;
}

absl::StatusOr<IncidentIdRange> ParseIncidentIdPrefix(std::string_view prefix) {
  if (prefix.size() > kIncidentDigits) {
    return absl::InvalidArgumentError(
        absl::StrCat("incident id '", absl::CHexEscape(std::string(prefix)), "' has more than ",
                     kIncidentDigits, " characters"));
  }
  IncidentIdRange range{0, 0};
  for (size_t i = 0; i < kIncidentDigits; ++i) {
    std::optional<uint64_t> digit;
    if (i < prefix.size()) {
      digit = CrockfordDigit(prefix[i]);
      if (!digit || (i == 0 && *digit > 15)) {
        return absl::InvalidArgumentError(absl::StrCat("incident id '",
                                                       absl::CHexEscape(std::string(prefix)),
                                                       "': character ", i + 1, " is not allowed"));
      }
    }
    range.first = range.first << 5 | digit.value_or(0);
    range.last = range.last << 5 | digit.value_or(31);
  }
  return range;
}

}  // namespace faultline
