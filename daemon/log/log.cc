#include "daemon/log/log.h"

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <functional>
#include <memory>
#include <utility>

#include "base/characters.h"
#include "base/clock.h"
#include "base/escape.h"

namespace faultline {
namespace {

constexpr size_t kTextBytesMax = 4096;
constexpr const char* kTextPattern = "%Y-%m-%dT%H:%M:%S.%eZ %^%l%$ %v";
constexpr const char* kJsonPattern = R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})";

void AppendJsonEscape(const Character& character, std::string* out) {
  if (character.kind == CharacterKind::kControl || character.kind == CharacterKind::kInvalid) {
    char escape[16];
    std::snprintf(escape, sizeof escape, "\\u%04x", character.code);
    out->append(escape);
  } else {
    out->append(SafeJson(character.bytes));
  }
}

// Escapes quotes, backslashes and unsafe characters. In JSON a byte that is not UTF-8 becomes the
// character of its number, the nearest that JSON can say.
void AppendEscaped(std::string_view text, bool json, std::string* out) {
  const bool cut = text.size() > kTextBytesMax;
  text = text.substr(0, kTextBytesMax);
  while (!text.empty()) {
    const Character character = TakeCharacter(&text);
    const char first = character.bytes[0];
    if (first == '\n') {
      out->append("\\n");
    } else if (first == '"' || first == '\\') {
      out->push_back('\\');
      out->push_back(first);
    } else if (character.unsafe()) {
      json ? AppendJsonEscape(character, out) : AppendEscape(character, out);
    } else {
      out->append(character.bytes);
    }
  }
  if (cut) out->append("...");
}

void AppendQuoted(std::string_view text, bool json, std::string* out) {
  out->push_back('"');
  AppendEscaped(text, json, out);
  out->push_back('"');
}

bool NeedsQuotes(std::string_view text) {
  return text.empty() || std::any_of(text.begin(), text.end(), [](char c) {
           return static_cast<unsigned char>(c) <= ' ' || c == '"' || c == '=' || c == '\\';
         });
}

std::shared_ptr<spdlog::logger> MakeLogger(const char* pattern) {
  auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  auto logger = std::make_shared<spdlog::logger>("faultline", std::move(sink));
  logger->set_formatter(
      std::make_unique<spdlog::pattern_formatter>(pattern, spdlog::pattern_time_type::utc));
  logger->set_level(spdlog::level::trace);
  // A full disk or a closed pipe behind standard error costs the line and nothing else.
  logger->set_error_handler([](const std::string&) {});
  return logger;
}

// Made once and never taken down: threads may log until the very end.
struct Output {
  std::shared_ptr<spdlog::logger> text = MakeLogger(kTextPattern);
  std::shared_ptr<spdlog::logger> json = MakeLogger(kJsonPattern);
  std::atomic<LogLevel> level{LogLevel::kInfo};
  std::atomic<bool> use_json{false};
  LogLimit limit;
};

Output& TheOutput() {
  static Output& output = *new Output;
  return output;
}

spdlog::level::level_enum SpdlogLevel(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarn:
      return spdlog::level::warn;
    case LogLevel::kError:
      break;
  }
  return spdlog::level::err;
}

}  // namespace

LogField::LogField(std::string_view name, double number)
    : name_(name), number_(std::isfinite(number)) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, number).ptr;
  value_.assign(text, end);
}

void Log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  Output& output = TheOutput();
  if (level < output.level.load(std::memory_order_relaxed)) return;
  const std::optional<uint64_t> dropped = output.limit.Admit(message, SteadyNowNs());
  if (!dropped) return;
  const bool json = output.use_json.load(std::memory_order_relaxed);
  const std::string line =
      json ? FormatLogJson(message, fields, *dropped) : FormatLogText(message, fields, *dropped);
  (json ? output.json : output.text)->log(SpdlogLevel(level), spdlog::string_view_t(line));
}

void ConfigureLog(LogLevel level, bool json) {
  Output& output = TheOutput();
  output.level.store(level, std::memory_order_relaxed);
  output.use_json.store(json, std::memory_order_relaxed);
}

std::optional<LogLevel> ParseLogLevel(std::string_view name) {
  if (name == "debug") return LogLevel::kDebug;
  if (name == "info") return LogLevel::kInfo;
  if (name == "warn") return LogLevel::kWarn;
  if (name == "error") return LogLevel::kError;
  return std::nullopt;
}

uint64_t LogLinesDropped() { return TheOutput().limit.dropped(); }

std::optional<uint64_t> LogLimit::Admit(std::string_view kind, int64_t steady_ns) {
  const uint64_t hash = std::hash<std::string_view>()(kind) | 1;
  const std::lock_guard lock(mutex_);
  Bucket& bucket = buckets_[(hash >> 8) % kBuckets];
  if (bucket.kind != hash) bucket = Bucket{.kind = hash, .refilled_ns = steady_ns};
  const double elapsed = static_cast<double>(std::max<int64_t>(0, steady_ns - bucket.refilled_ns));
  bucket.tokens = std::min<double>(kBurst, bucket.tokens + elapsed * 1e-9 * kPerSecond);
  bucket.refilled_ns = steady_ns;
  if (bucket.tokens < 1) {
    ++bucket.dropped;
    ++dropped_;
    return std::nullopt;
  }
  bucket.tokens -= 1;
  return std::exchange(bucket.dropped, 0);
}

uint64_t LogLimit::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

std::string FormatLogText(std::string_view message, std::initializer_list<LogField> fields,
                          uint64_t dropped) {
  std::string line;
  AppendEscaped(message, false, &line);
  for (const LogField& field : fields) {
    line.append(" ").append(field.name()).append("=");
    if (NeedsQuotes(field.value())) {
      AppendQuoted(field.value(), false, &line);
    } else {
      AppendEscaped(field.value(), false, &line);
    }
  }
  if (dropped > 0) line.append(" (similar messages dropped: " + std::to_string(dropped) + ")");
  return line;
}

std::string FormatLogJson(std::string_view message, std::initializer_list<LogField> fields,
                          uint64_t dropped) {
  std::string line = "\"message\":";
  AppendQuoted(message, true, &line);
  for (const LogField& field : fields) {
    line.push_back(',');
    AppendQuoted(field.name(), true, &line);
    line.push_back(':');
    if (field.number()) {
      line.append(field.value());
    } else {
      AppendQuoted(field.value(), true, &line);
    }
  }
  if (dropped > 0) line.append(",\"similar_messages_dropped\":" + std::to_string(dropped));
  return line;
}

}  // namespace faultline
