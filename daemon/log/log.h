#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

namespace faultline {

enum class LogLevel : uint8_t { kDebug, kInfo, kWarn, kError };

// Something a line says besides its message. Numbers are written as numbers in JSON.
class LogField {
 public:
  LogField(std::string_view name, std::string_view text) : name_(name), value_(text) {}
  LogField(std::string_view name, const char* text) : name_(name), value_(text) {}
  LogField(std::string_view name, double number);
  template <typename T>
  requires(std::is_integral_v<T>) LogField(std::string_view name, T number)
      : name_(name), value_(std::to_string(number)), number_(true) {}

  std::string_view name() const { return name_; }
  std::string_view value() const { return value_; }
  bool number() const { return number_; }

 private:
  std::string_view name_;
  std::string value_;
  bool number_ = false;
};

// Writes one line to standard error: the time in UTC, the level, the message, the fields. Control
// characters, newlines and bytes that are not UTF-8 are escaped, so a line is always one line.
// A message and a value are cut off at 4096 bytes.
//
// `message` is a constant phrase; what varies goes into fields. Lines with the same message are
// limited to a burst of 20 and 2 per second after it; the next one that is written says how many
// were dropped.
//
// Concurrency:  thread-safe.
void Log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {});

// What is written from now on: lines of this level and above, as text or as JSON objects.
void ConfigureLog(LogLevel level, bool json);

// "debug", "info", "warn" or "error".
std::optional<LogLevel> ParseLogLevel(std::string_view name);

// Lines that the limit kept back since the start.
uint64_t LogLinesDropped();

// The limit on lines of one kind.
//
// Concurrency:  thread-safe. Limitations: remembers the 256 kinds of line seen last, roughly; two
// kinds may share a limit.
class LogLimit {
 public:
  static constexpr uint32_t kBurst = 20;
  static constexpr uint32_t kPerSecond = 2;

  // The lines dropped since the last one that was let through, or nothing: drop this one.
  std::optional<uint64_t> Admit(std::string_view kind, int64_t steady_ns);
  uint64_t dropped() const;

 private:
  struct Bucket {
    uint64_t kind = 0;
    int64_t refilled_ns = 0;
    double tokens = kBurst;
    uint64_t dropped = 0;
  };
  static constexpr size_t kBuckets = 256;

  mutable std::mutex mutex_;
  std::array<Bucket, kBuckets> buckets_;
  uint64_t dropped_ = 0;
};

// The part of a line after time and level.
std::string FormatLogText(std::string_view message, std::initializer_list<LogField> fields,
                          uint64_t dropped);
// The same as members of a JSON object: "message":...,"name":...
std::string FormatLogJson(std::string_view message, std::initializer_list<LogField> fields,
                          uint64_t dropped);

}  // namespace faultline
