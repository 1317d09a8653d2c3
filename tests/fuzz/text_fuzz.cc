// The short texts and keys that people, programs and stores hand in. The first byte chooses which.
#include <cmath>

#include "base/check.h"
#include "base/clean_text.h"
#include "base/http_url.h"
#include "base/utf8.h"
#include "daemon/client/tables/cell_values.h"
#include "daemon/core/settings/settings.h"
#include "daemon/edge/decode/names.h"
#include "daemon/edge/review/page_token.h"
#include "daemon/edge/review/url_query.h"
#include "storage/tables/incident_id.h"
#include "storage/tables/keys.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/mutate.h"

namespace faultline::fuzz {
namespace {

void CheckKey(std::string_view text) {
  FAULTLINE_CHECK(text.empty() || !DescribeKey(text).empty(), "there is always something to say");
  const absl::StatusOr<Key> key = ParseKey(text);
  if (!key.ok()) return;
  FAULTLINE_CHECK(BuildKey(*key) == text, "a key is built in one way");
  const KeyRange table = TableRange(key->table);
  FAULTLINE_CHECK(table.begin <= text && text < table.end, "a key lies in its table");
  if (!HasModel(key->table)) return;
  const KeyRange model = ModelRange(key->table, key->model_hash);
  FAULTLINE_CHECK(model.begin <= text && text < model.end, "and among its model's");
}

void CheckId(std::string_view text) {
  const absl::StatusOr<uint64_t> id = ParseIncidentId(text);
  const absl::StatusOr<IncidentIdRange> range = ParseIncidentIdPrefix(text);
  if (range.ok()) FAULTLINE_CHECK(range->first <= range->last, "a range has a beginning");
  if (!id.ok()) return;
  FAULTLINE_CHECK(*ParseIncidentId(FormatIncidentId(*id)) == *id, "an id stays what it is");
  FAULTLINE_CHECK(range.ok() && range->first == *id && range->last == *id,
                  "a whole id is its own prefix");
}

void CheckToken(std::string_view text) {
  using review::TokenKind;
  const auto read = review::ReadToken(TokenKind::kIncidents, "query", text, "page_token");
  if (read.ok()) {
    FAULTLINE_CHECK(review::MakeToken(TokenKind::kIncidents, "query", *read) == text,
                    "a token is made in one way");
  } else {
    FAULTLINE_CHECK(read.status().message().find("page_token") == 0, "a refusal says where");
  }
  const std::string token = review::MakeToken(TokenKind::kModels, "query", text.substr(0, 200));
  const auto position = review::ReadToken(TokenKind::kModels, "query", token, "page_token");
  FAULTLINE_CHECK(position.ok() && *position == text.substr(0, 200), "ours can be read");
  FAULTLINE_CHECK(!review::ReadToken(TokenKind::kModels, "other", token, "page_token").ok(),
                  "a token belongs to its query");
  FAULTLINE_CHECK(!review::ReadToken(TokenKind::kScores, "query", token, "page_token").ok(),
                  "and to its list");
}

void CheckQuery(std::string_view text) {
  const std::string value = review::EncodeQueryValue(text);
  FAULTLINE_CHECK(value.find_first_of("&=?#+ \r\n") == std::string::npos, "it fits into a line");
  FAULTLINE_CHECK(review::QueryValue("a=1&model=" + value + "&b=2", "model") == text,
                  "a value comes through");
  const std::string model = review::QueryValue(text, "model");
  FAULTLINE_CHECK(model.size() <= text.size(), "nothing is made up");
  FAULTLINE_CHECK(review::QueryValue("model=" + review::EncodeQueryValue(model), "model") == model,
                  "a value comes through");
}

void CheckSettings(std::string_view text) {
  if (const auto duration = ParseDuration(text); duration.ok()) {
    FAULTLINE_CHECK(*duration >= 0, "time goes one way");
    // Every duration is a whole number of milliseconds, or finer.
    if (*duration % 1'000'000 == 0) {
      const std::string again = std::to_string(*duration / 1'000'000) + "ms";
      const auto same = ParseDuration(again);
      FAULTLINE_CHECK(same.ok() && *same == *duration, "it stays what it is");
    }
  }
  if (const auto bytes = ParseBytes(text); bytes.ok()) {
    const auto same = ParseBytes(std::to_string(*bytes));
    FAULTLINE_CHECK(same.ok() && *same == *bytes, "it stays what it is");
  }
  if (const auto url = ParseHttpUrl(text); url.ok()) {
    FAULTLINE_CHECK(!url->host.empty() && url->port > 0, "it can be reached");
    FAULTLINE_CHECK(url->path.empty() || url->path.front() == '/', "a path begins so");
    const bool address = url->host.find(':') != std::string::npos;
    const std::string host = address ? "[" + url->host + "]" : url->host;
    const auto same = ParseHttpUrl("http://" + host + ":" + std::to_string(url->port) + url->path);
    FAULTLINE_CHECK(same.ok() && *same == *url, "it stays what it is");
  }
}

void CheckPattern(std::string_view text) {
  FAULTLINE_CHECK(MatchesPattern("*", text), "a star stands for anything");
  const std::string_view pattern = text.substr(0, text.size() / 2);
  const std::string_view name = text.substr(text.size() / 2);
  const bool plain = pattern.find('*') == std::string_view::npos;
  FAULTLINE_CHECK(!plain || MatchesPattern(pattern, name) == (pattern == name),
                  "without one it is itself");
  FAULTLINE_CHECK(MatchesPattern(std::string(pattern) + "*", std::string(pattern) + "x"),
                  "it is its own beginning");
}

void CheckNames(std::string_view text) {
  const bool utf8 = Utf8PrefixBytes(text) == text.size();
  FAULTLINE_CHECK((TextProblem(text, 1024) == nullptr) == (utf8 && text.size() <= 1024),
                  "a text is UTF-8 and not too long");
  if (NameProblem(text, 128) == nullptr) {
    FAULTLINE_CHECK(!text.empty() && TextProblem(text, 128) == nullptr, "a name is a text");
  }
}

void CheckCells(std::string_view text) {
  const auto number = cli::ParseNumber(text);
  std::vector<float> values;
  if (cli::ParseVector(text, &values)) FAULTLINE_CHECK(!values.empty(), "a vector has values");
  using cli::TimeUnit;
  for (const TimeUnit unit : {TimeUnit::kAuto, TimeUnit::kSeconds, TimeUnit::kMillis,
                              TimeUnit::kMicros, TimeUnit::kNanos, TimeUnit::kText}) {
    const auto time = cli::ParseTimeNs(text, unit);
    if (!time.has_value()) continue;
    FAULTLINE_CHECK(unit != TimeUnit::kText || !number.has_value() || std::isfinite(*number),
                    "a time is no infinity");
    const auto same = cli::ParseTimeNs(std::to_string(*time), TimeUnit::kNanos);
    FAULTLINE_CHECK(same.has_value() && *same == *time, "it stays what it is");
  }
}

constexpr void (*kChecks[])(std::string_view) = {
    CheckKey, CheckId, CheckToken, CheckQuery, CheckSettings, CheckPattern, CheckNames, CheckCells};

}  // namespace

void Run(std::string_view bytes) {
  if (bytes.empty()) return;
  kChecks[static_cast<unsigned char>(bytes.front()) % std::size(kChecks)](bytes.substr(1));
}

void Mutate(Random* dice, size_t bytes_max, std::string* bytes) {
  MutateText(dice,
             {"%",
              "%0",
              "%41",
              "+",
              "&",
              "=",
              "model=",
              "*",
              "http://",
              "[::1]",
              ":",
              "/",
              "s",
              "ms",
              "h",
              "d",
              "KiB",
              "GiB",
              "18446744073709551615",
              "-",
              "1e9",
              ".",
              "T",
              "Z",
              ",",
              "2026-01-01",
              "00:00:00"},
             bytes_max, bytes);
}

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  const auto add = [&](char check, const std::string& text) { seeds.push_back(check + text); };
  for (const TableDescriptor& table : kTables) {
    Key key;
    key.table = table.tag;
    if (HasModel(table.tag)) key.model_hash = ModelHash("credit", "1");
    if (table.tag == Table::kCommittedSequence) key.producer_id = "p";
    add(0, BuildKey(key));
  }
  add(1, FormatIncidentId(123'456'789));
  add(2, review::MakeToken(review::TokenKind::kIncidents, "query", "position"));
  add(3, "model=a%20b&before=01&x");
  for (const char* text :
       {"10s", "1500ms", "7d", "64MiB", "4096", "http://h:9093/x/y", "http://[::1]:80"}) {
    add(4, text);
  }
  add(5, "cre*tcredit");
  add(6, "n\xc3\xa4me");
  for (const char* text : {"-1.5e3", "[0.1, 2]", "1790000000.25", "2026-09-21T14:13:20.5+02:00",
                           "2026-09-21 14:13:20", "2026-09-21", "-9223372036854775808"}) {
    add(7, text);
  }
  return seeds;
}

}  // namespace faultline::fuzz
