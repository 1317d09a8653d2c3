#include "daemon/client/tables/cell_values.h"

#include <absl/strings/match.h>
#include <absl/time/time.h>

#include <charconv>
#include <cmath>
#include <cstdlib>

namespace faultline::cli {
namespace {

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  return absl::EqualsIgnoreCase(absl::string_view(a.data(), a.size()),
                                absl::string_view(b.data(), b.size()));
}

// A whole number as large as this is taken for nanoseconds.
constexpr int64_t kNanosFrom = 100'000'000'000'000'000;

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

}  // namespace

std::string_view TrimSpaces(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return text;
}

std::optional<double> ParseNumber(std::string_view text) {
  text = TrimSpaces(text);
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  double value = 0;
  const char* const end = text.data() + text.size();
  const std::from_chars_result parsed = std::from_chars(text.data(), end, value);
  if (parsed.ptr != end || text.empty()) return std::nullopt;
  if (parsed.ec == std::errc::result_out_of_range) {
    return std::strtod(std::string(text).c_str(), nullptr);
  }
  if (parsed.ec != std::errc()) return std::nullopt;
  return value;
}

std::optional<bool> ParseBool(std::string_view text) {
  text = TrimSpaces(text);
  if (EqualsIgnoringCase(text, "true")) return true;
  if (EqualsIgnoringCase(text, "false")) return false;
  return std::nullopt;
}

bool ParseVector(std::string_view text, std::vector<float>* values) {
  text = TrimSpaces(text);
  if (text.size() < 3 || text.front() != '[' || text.back() != ']') return false;
  text = text.substr(1, text.size() - 2);
  for (;;) {
    const size_t comma = text.find(',');
    const std::optional<double> value = ParseNumber(text.substr(0, comma));
    if (!value.has_value()) return false;
    values->push_back(static_cast<float>(*value));
    if (comma == std::string_view::npos) return true;
    text.remove_prefix(comma + 1);
  }
}

std::optional<int64_t> NumberToTimeNs(double value, TimeUnit unit) {
  if (unit == TimeUnit::kText || !std::isfinite(value)) return std::nullopt;
  if (unit == TimeUnit::kAuto) {
    const double size = std::fabs(value);
    unit = size < 1e11   ? TimeUnit::kSeconds
           : size < 1e14 ? TimeUnit::kMillis
           : size < 1e17 ? TimeUnit::kMicros
                         : TimeUnit::kNanos;
  }
  const double scale = unit == TimeUnit::kSeconds  ? 1e9
                       : unit == TimeUnit::kMillis ? 1e6
                       : unit == TimeUnit::kMicros ? 1e3
                                                   : 1;
  // Whole units first: a double holds no 1.7e18 to the nanosecond.
  const double whole = std::floor(value);
  if (std::fabs(whole * scale) > 9e18) return std::nullopt;
  return static_cast<int64_t>(whole) * static_cast<int64_t>(scale) +
         static_cast<int64_t>(std::llround((value - whole) * scale));
}

std::optional<int64_t> ParseTimeNs(std::string_view text, TimeUnit unit) {
  text = TrimSpaces(text);
  if (unit != TimeUnit::kText) {
    int64_t whole = 0;
    const char* const end = text.data() + text.size();
    const std::from_chars_result parsed = std::from_chars(text.data(), end, whole);
    const bool nanos = unit == TimeUnit::kNanos ||
                       (unit == TimeUnit::kAuto && (whole >= kNanosFrom || whole <= -kNanosFrom));
    if (parsed.ec == std::errc() && parsed.ptr == end && nanos) return whole;
    const std::optional<double> number = ParseNumber(text);
    if (number.has_value()) return NumberToTimeNs(*number, unit);
    if (unit != TimeUnit::kAuto) return std::nullopt;
  }
  const std::string copy(text);
  absl::Time time;
  for (const char* format : {"%Y-%m-%d%ET%H:%M:%E*S%Ez", "%Y-%m-%d %H:%M:%E*S%Ez",
                             "%Y-%m-%d%ET%H:%M:%E*S", "%Y-%m-%d %H:%M:%E*S", "%Y-%m-%d"}) {
    if (absl::ParseTime(format, copy, &time, nullptr)) return absl::ToUnixNanos(time);
  }
  return std::nullopt;
}

}  // namespace faultline::cli
