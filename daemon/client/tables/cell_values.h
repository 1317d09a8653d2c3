#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace faultline::cli {

// Parsers of a cell's text. All accept surrounding spaces.

std::string_view TrimSpaces(std::string_view text);

// Decimal notation with an optional sign and exponent; also inf and nan in any case. Out of the
// range of a double: infinite or zero.
std::optional<double> ParseNumber(std::string_view text);

// true or false in any case.
std::optional<bool> ParseBool(std::string_view text);

// "[0.1, 0.2]" appended to `values`; false if it is anything else.
bool ParseVector(std::string_view text, std::vector<float>* values);

enum class TimeUnit : uint8_t { kAuto, kSeconds, kMillis, kMicros, kNanos, kText };

// A point in time as nanoseconds since 1970: a number in the unit (kAuto: the unit with which it
// falls between 1973 and 5138), or RFC 3339 text, whose "T" may be a space and whose clock time or
// zone may be missing (midnight, UTC).
std::optional<int64_t> ParseTimeNs(std::string_view text, TimeUnit unit);
std::optional<int64_t> NumberToTimeNs(double value, TimeUnit unit);

}  // namespace faultline::cli
