#include "daemon/edge/decode/ndjson.h"

#include <absl/container/flat_hash_set.h>
#include <absl/strings/str_cat.h>
#include <absl/time/time.h>

#include <algorithm>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <cmath>
#include <optional>
#include <utility>

#include "daemon/core/settings/limits.h"
#include "daemon/edge/decode/event_rows.h"
#include "daemon/edge/decode/names.h"

namespace faultline {
namespace {

namespace json = boost::json;

constexpr size_t kLineColumnsMax = 20'000;
constexpr uint32_t kDepthMax = 8;
// Seconds that are still within int64 nanoseconds.
constexpr double kSecondsMax = 9.2e9;

struct Problem {
  v1::RejectReason reason = v1::REJECT_REASON_SCHEMA;
  std::string message;
};
using MaybeProblem = std::optional<Problem>;

std::string_view View(const json::string& text) { return {text.data(), text.size()}; }
// For messages; keys are untrusted until NameProblem has seen them.
std::string Quote(std::string_view key) {
  return NameProblem(key, kNameBytesMax) == nullptr ? absl::StrCat("\"", std::string(key), "\"")
                                                    : "a key";
}
Problem Wrong(std::string_view key, const char* expected) {
  return {v1::REJECT_REASON_SCHEMA, absl::StrCat(Quote(key), ": expected ", expected)};
}

// Null values have been dealt with.
MaybeProblem ReadValue(const json::value& value, bool vectors, EventCell* cell) {
  switch (value.kind()) {
    case json::kind::bool_:
      cell->number = value.get_bool() ? 1 : 0;
      return std::nullopt;
    case json::kind::int64:
    case json::kind::uint64:
    case json::kind::double_:
      cell->number = value.to_number<double>();
      return std::nullopt;
    case json::kind::string:
      cell->type = ColumnType::kString;
      cell->text = View(value.get_string());
      if (const char* problem = TextProblem(cell->text, kCategoryBytesMax)) {
        return Problem{v1::REJECT_REASON_SCHEMA, absl::StrCat(Quote(cell->name), " ", problem)};
      }
      return std::nullopt;
    case json::kind::array:
      break;
    default:
      return Wrong(cell->name, "a number, a text, true, false or null");
  }
  const json::array& array = value.get_array();
  if (!vectors || array.empty() || array.size() > kEmbeddingDimensionMax) {
    return Wrong(cell->name, vectors ? "an embedding of 1 to 4096 numbers" : "a single value");
  }
  cell->type = ColumnType::kEmbedding;
  cell->vector.reserve(array.size());
  for (const json::value& element : array) {
    if (!element.is_number()) return Wrong(cell->name, "an array of numbers");
    cell->vector.push_back(static_cast<float>(element.to_number<double>()));
  }
  return std::nullopt;
}

MaybeProblem ReadTime(const json::value& value, int64_t* time_ns) {
  const Problem wrong{v1::REJECT_REASON_TIME,
                      "\"time\": expected RFC 3339 such as 2026-01-01T00:00:00Z, or seconds "
                      "since 1970"};
  absl::Time time;
  if (value.is_string()) {
    const std::string_view text = View(value.get_string());
    std::string ignored;
    if (text.size() > 64 ||
        !absl::ParseTime(absl::RFC3339_full, absl::string_view(text.data(), text.size()), &time,
                         &ignored)) {
      return wrong;
    }
    const double seconds = absl::ToDoubleSeconds(time - absl::UnixEpoch());
    if (!(std::abs(seconds) < kSecondsMax)) return wrong;
    *time_ns = absl::ToUnixNanos(time);
  } else if (value.is_number()) {
    const double seconds = value.to_number<double>();
    if (!(std::abs(seconds) < kSecondsMax)) return wrong;
    // In two parts: a double of nanoseconds would be off by up to 256 of them.
    const double whole = std::floor(seconds);
    *time_ns = std::llround(whole) * 1'000'000'000 + std::llround((seconds - whole) * 1e9);
  } else {
    return wrong;
  }
  return std::nullopt;
}

MaybeProblem ReadText(std::string_view key, const json::value& value, size_t bytes_max,
                      std::string_view* out) {
  if (!value.is_string()) return Wrong(key, "a text");
  *out = View(value.get_string());
  const char* problem = out->empty() ? nullptr : NameProblem(*out, bytes_max);
  if (problem == nullptr) return std::nullopt;
  return Problem{key == "prediction_id" ? v1::REJECT_REASON_ID : v1::REJECT_REASON_SCHEMA,
                 absl::StrCat(Quote(key), " ", problem)};
}

MaybeProblem ReadMembers(std::string_view key, const json::value& value, v1::ColumnRole role,
                         EventRow* row) {
  if (!value.is_object()) return Wrong(key, "an object");
  for (const json::key_value_pair& member : value.get_object()) {
    const std::string_view name(member.key().data(), member.key().size());
    if (const char* problem = NameProblem(name, kNameBytesMax)) {
      return Problem{v1::REJECT_REASON_SCHEMA,
                     absl::StrCat("a name in ", Quote(key), " ", problem)};
    }
    if (member.value().is_null()) continue;
    EventCell& cell = row->cells.emplace_back();
    cell.name = name;
    cell.role = role;
    const bool vectors = role == v1::COLUMN_ROLE_FEATURE;
    if (MaybeProblem problem = ReadValue(member.value(), vectors, &cell)) return problem;
  }
  return std::nullopt;
}

struct ColumnKey {
  std::string_view key;
  v1::ColumnRole role;
  bool numbers = false;
  bool texts = false;
};
constexpr ColumnKey kColumnKeys[] = {
    {"prediction", v1::COLUMN_ROLE_PREDICTION, true, true},
    {"prediction_score", v1::COLUMN_ROLE_PREDICTION_SCORE, true, false},
    {"latency_seconds", v1::COLUMN_ROLE_LATENCY, true, false},
    {"status", v1::COLUMN_ROLE_STATUS, false, true},
};

MaybeProblem ReadMember(std::string_view key, const json::value& value, EventRow* row) {
  if (value.is_null()) return std::nullopt;
  if (key == "model") return ReadText(key, value, kNameBytesMax, &row->model);
  if (key == "version") return ReadText(key, value, kVersionBytesMax, &row->version);
  if (key == "prediction_id") {
    return ReadText(key, value, kPredictionIdBytesMax, &row->prediction_id);
  }
  if (key == "time") return ReadTime(value, &row->time_ns);
  if (key == "features") return ReadMembers(key, value, v1::COLUMN_ROLE_FEATURE, row);
  if (key == "tags") return ReadMembers(key, value, v1::COLUMN_ROLE_TAG, row);
  for (const ColumnKey& column : kColumnKeys) {
    if (key != column.key) continue;
    EventCell& cell = row->cells.emplace_back();
    cell.name = column.key;
    cell.role = column.role;
    if (MaybeProblem problem = ReadValue(value, false, &cell)) return problem;
    if (cell.type == ColumnType::kNumber && !column.numbers) return Wrong(key, "a text");
    if (cell.type == ColumnType::kString && !column.texts) return Wrong(key, "a number");
    return std::nullopt;
  }
  return Problem{v1::REJECT_REASON_SCHEMA, absl::StrCat("unknown key ", Quote(key))};
}

MaybeProblem ReadRow(const json::value& line, EventRow* row) {
  if (!line.is_object()) {
    return Problem{v1::REJECT_REASON_SCHEMA, "expected one JSON object per line"};
  }
  for (const json::key_value_pair& member : line.get_object()) {
    const std::string_view key(member.key().data(), member.key().size());
    if (MaybeProblem problem = ReadMember(key, member.value(), row)) return problem;
  }
  if (row->model.empty()) return Problem{v1::REJECT_REASON_SCHEMA, "\"model\" is missing"};
  if (row->cells.size() > kLineColumnsMax) {
    return Problem{v1::REJECT_REASON_LIMIT,
                   absl::StrCat(row->cells.size(), " columns, at most ", kLineColumnsMax)};
  }
  absl::flat_hash_set<std::string_view> names;
  names.reserve(row->cells.size());
  for (const EventCell& cell : row->cells) {
    if (!names.insert(cell.name).second) {
      return Problem{
          v1::REJECT_REASON_SCHEMA,
          absl::StrCat(Quote(cell.name), " is a duplicate: as a feature, a tag or a key")};
    }
  }
  return std::nullopt;
}

// The number of members of all objects in the value.
size_t CountMembers(const json::value& value) {
  size_t count = 0;
  if (const json::object* object = value.if_object()) {
    count = object->size();
    for (const json::key_value_pair& member : *object) count += CountMembers(member.value());
  } else if (const json::array* array = value.if_array()) {
    if (!array->empty() && array->front().is_number()) return 0;
    for (const json::value& element : *array) count += CountMembers(element);
  }
  return count;
}

// The end of the string that begins at `begin`, behind its closing quote. `line` must be JSON.
size_t EndOfString(std::string_view line, size_t begin) {
  size_t end = begin + 1;
  while (line[end] != '"') end += line[end] == '\\' ? 2 : 1;
  return end + 1;
}

// The number of members that the text of the objects has; the parser keeps the last of duplicates.
size_t CountWrittenMembers(std::string_view line) {
  size_t count = 0;
  for (size_t at = 0; at < line.size();) {
    count += line[at] == ':' ? 1 : 0;
    at = line[at] == '"' ? EndOfString(line, at) : at + 1;
  }
  return count;
}

// The first key that an object has twice. `line` must be JSON.
MaybeProblem FindDuplicate(std::string_view line) {
  std::vector<absl::flat_hash_set<std::string>> objects;
  for (size_t at = 0; at < line.size();) {
    if (line[at] == '{') objects.emplace_back();
    if (line[at] == '}') objects.pop_back();
    if (line[at] != '"') {
      ++at;
      continue;
    }
    const size_t end = EndOfString(line, at);
    const std::string_view text = line.substr(at, end - at);
    at = std::min(line.find_first_not_of(" \t\r", end), line.size());
    if (at == line.size() || line[at] != ':') continue;
    const json::value key = json::parse(json::string_view(text.data(), text.size()));
    std::string name(View(key.get_string()));
    if (objects.back().contains(name)) {
      return Problem{v1::REJECT_REASON_SCHEMA, absl::StrCat("duplicate key ", Quote(name))};
    }
    objects.back().insert(std::move(name));
  }
  return std::nullopt;
}

class Reading {
 public:
  Reading(const NdjsonOptions& options, NdjsonEvents* out) : options_(options), out_(out) {}

  void Line(uint64_t number, std::string_view text) {
    while (!text.empty() && (text.back() == '\r' || text.back() == ' ')) text.remove_suffix(1);
    if (text.empty()) return;
    if (++lines_ > options_.lines_max) {
      return Refuse(number, {v1::REJECT_REASON_OVERSIZE,
                             absl::StrCat("more than ", options_.lines_max, " lines at once")});
    }
    if (text.size() > options_.line_bytes_max) {
      return Refuse(number, {v1::REJECT_REASON_OVERSIZE,
                             absl::StrCat("a line of ", text.size(), " bytes, at most ",
                                          options_.line_bytes_max)});
    }
    json::monotonic_resource memory;
    json::parse_options limits;
    limits.max_depth = kDepthMax;
    json::error_code error;
    const json::value value =
        json::parse(json::string_view(text.data(), text.size()), error, &memory, limits);
    if (error) {
      return Refuse(number,
                    {v1::REJECT_REASON_DECODE, absl::StrCat("not JSON: ", error.message())});
    }
    if (CountMembers(value) != CountWrittenMembers(text)) {
      if (MaybeProblem problem = FindDuplicate(text)) return Refuse(number, std::move(*problem));
    }
    EventRow row;
    row.time_ns = options_.received_ns;
    if (MaybeProblem problem = ReadRow(value, &row)) return Refuse(number, std::move(*problem));
    Take(number, row);
  }

  void Flush() {
    if (rows_.rows() == 0) return;
    NdjsonBatch& batch = out_->batches.emplace_back();
    batch.batch = rows_.Take(Source::kHttp, options_.received_ns);
    batch.lines = std::exchange(row_lines_, {});
  }

 private:
  void Take(uint64_t number, const EventRow& row) {
    if (!rows_.Fits(row)) Flush();
    if (rows_.HasId(std::string(row.prediction_id))) {
      return Refuse(number, {v1::REJECT_REASON_ID, "duplicate prediction id"});
    }
    rows_.Add(row);
    row_lines_.push_back(static_cast<uint32_t>(number));
  }

  void Refuse(uint64_t number, Problem problem) {
    ++out_->rejected;
    ++out_->rejected_by_reason[problem.reason];
    if (out_->errors.size() >= NdjsonEvents::kErrorsMax) return;
    out_->errors.push_back({number, problem.reason, std::move(problem.message)});
  }

  const NdjsonOptions& options_;
  NdjsonEvents* out_;
  uint64_t lines_ = 0;
  EventRows rows_;
  std::vector<uint32_t> row_lines_;
};

}  // namespace

NdjsonEvents ParseNdjson(std::string_view body, const NdjsonOptions& options) {
  NdjsonEvents events;
  Reading reading(options, &events);
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (body.starts_with(kByteOrderMark)) body.remove_prefix(kByteOrderMark.size());
  uint64_t number = 0;
  while (!body.empty()) {
    const size_t end = body.find('\n');
    reading.Line(++number, body.substr(0, end));
    if (end == std::string_view::npos) break;
    body.remove_prefix(end + 1);
  }
  reading.Flush();
  return events;
}

}  // namespace faultline
