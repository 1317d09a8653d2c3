// The body of POST /v1/events.
#include <algorithm>

#include "base/check.h"
#include "base/utf8.h"
#include "daemon/edge/decode/ndjson.h"
#include "tests/fuzz/batches.h"
#include "tests/fuzz/core_state.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/mutate.h"

namespace faultline::fuzz {
namespace {

uint64_t RowsOf(const NdjsonEvents& events) {
  uint64_t rows = 0;
  for (const NdjsonBatch& batch : events.batches) rows += batch.batch->rows;
  return rows;
}

// Lines that are not empty.
uint64_t LinesOf(std::string_view body) {
  uint64_t lines = 0;
  while (!body.empty()) {
    const size_t end = std::min(body.find('\n'), body.size());
    lines += body.substr(0, end).find_first_not_of(" \r") == std::string_view::npos ? 0 : 1;
    body.remove_prefix(std::min(end + 1, body.size()));
  }
  return lines;
}

void CheckErrors(const NdjsonEvents& events) {
  FAULTLINE_CHECK(events.errors.size() == std::min<uint64_t>(events.rejected, events.kErrorsMax),
                  "the first refusals are said");
  uint64_t by_reason = 0;
  for (const uint64_t lines : events.rejected_by_reason) by_reason += lines;
  FAULTLINE_CHECK(by_reason == events.rejected, "every refusal has a reason");
  uint64_t before = 0;
  for (const LineError& error : events.errors) {
    FAULTLINE_CHECK(error.line > before, "in order of lines");
    FAULTLINE_CHECK(!error.message.empty(), "a refusal says what is wrong");
    FAULTLINE_CHECK(Utf8PrefixBytes(error.message) == error.message.size(), "it goes into JSON");
    before = error.line;
  }
}

}  // namespace

void Run(std::string_view bytes) {
  const NdjsonOptions options = {.received_ns = kNow};
  const NdjsonEvents events = ParseNdjson(bytes, options);
  const uint64_t rows = RowsOf(events);
  FAULTLINE_CHECK(rows + events.rejected == LinesOf(bytes), "every line has one fate");
  CheckErrors(events);
  uint32_t before = 0;
  for (const NdjsonBatch& batch : events.batches) {
    FAULTLINE_CHECK(batch.batch->rows > 0 && batch.lines.size() == batch.batch->rows,
                    "every row has its line");
    for (const uint32_t line : batch.lines) {
      FAULTLINE_CHECK(line > before, "in order of lines");
      before = line;
    }
    CheckBatch(*batch.batch);
    CheckRecording(*batch.batch);
  }
  if (!events.batches.empty()) CheckFold(*events.batches.front().batch);
  // A bad line is refused alone: without it the others fare as before.
  if (events.rejected == 0 || events.rejected > events.kErrorsMax) return;
  std::string good;
  uint64_t line = 0;
  auto error = events.errors.begin();
  for (std::string_view rest = bytes; !rest.empty();) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    if (error != events.errors.end() && ++line == error->line) {
      ++error;
    } else {
      good.append(rest.substr(0, end)).append("\n");
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  const NdjsonEvents others = ParseNdjson(good, options);
  FAULTLINE_CHECK(others.rejected == 0 && RowsOf(others) == rows, "a bad line is refused alone");
}

void Mutate(Random* dice, size_t bytes_max, std::string* bytes) {
  MutateText(dice,
             {"{",
              "}",
              "[",
              "]",
              ",",
              ":",
              "\"",
              "\\u0000",
              "\\ud800",
              "null",
              "true",
              "1e999",
              "-0",
              "1e-400",
              "\"model\":\"m\"",
              "\"version\":\"2\"",
              "\"prediction_id\":\"a\"",
              "\"time\":1790000000",
              "\"time\":\"2026-01-01T00:00:00Z\"",
              "\"time\":-1e18",
              "\"features\":{\"a\":1}",
              "\"features\":{\"v\":[1,2]}",
              "\"tags\":{\"t\":\"x\"}",
              "\"prediction\":\"yes\"",
              "\"prediction_score\":0.5",
              "\"latency_seconds\":0.1",
              "\"status\":\"ok\"",
              "\n",
              "\r\n",
              "{\"model\":\"m\"}\n"},
             bytes_max, bytes);
}

std::vector<std::string> Seeds() {
  return {
      "{\"model\":\"credit\",\"version\":\"7\",\"prediction_id\":\"a1\","
      "\"time\":\"2026-09-21T14:13:20.5Z\",\"features\":{\"age\":41,\"city\":\"Rome\","
      "\"owner\":true,\"face\":[0.1,0.2]},\"prediction\":\"yes\",\"prediction_score\":0.93,"
      "\"latency_seconds\":0.012,\"status\":\"ok\",\"tags\":{\"region\":\"eu\"}}\n",
      "{\"model\":\"m\",\"features\":{\"a\":1}}\n\n{\"model\":\"m\",\"features\":{\"a\":\"x\"}}\n"
      "{\"model\":\"m\",\"features\":{\"b\":2}}\nnot json\n{\"model\":\"n\"}",
      "{\"model\":\"m\",\"prediction_id\":\"a\"}\n{\"model\":\"m\",\"prediction_id\":\"a\"}\n"
      "{\"model\":\"m\",\"time\":1790000000.25,\"features\":{\"x\":null,\"y\":1e400}}\r\n",
  };
}

}  // namespace faultline::fuzz
