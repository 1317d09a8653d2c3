#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace faultline {

// An incident's id for people: 13 characters of Crockford's base 32, lower-case, highest digit
// first, so that text sorts like the number.
std::string FormatIncidentId(uint64_t incident_id);
// Takes upper-case as well, o for 0, i and l for 1. INVALID_ARGUMENT otherwise.
absl::StatusOr<uint64_t> ParseIncidentId(std::string_view text);

// The incidents whose text begins with a prefix of 0 to 13 characters.
struct IncidentIdRange {
  uint64_t first = 0;
  uint64_t last = 0;  // inclusive
};
absl::StatusOr<IncidentIdRange> ParseIncidentIdPrefix(std::string_view prefix);

}  // namespace faultline
