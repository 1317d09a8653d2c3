#include "daemon/edge/decode/ndjson.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "daemon/core/settings/limits.h"

namespace faultline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

NdjsonEvents Parse(const std::string& body) { return ParseNdjson(body, {.received_ns = 77}); }

const Column& At(const EventBatch& batch, const std::string& name) {
  for (const Column& column : batch.columns) {
    if (column.name == name) return column;
  }
  ADD_FAILURE() << "no column " << name;
  static const Column none;
  return none;
}

TEST(NdjsonTest, EveryKeyOfALine) {
  const NdjsonEvents events = Parse(
      R"({"model":"credit","version":"7","prediction_id":"a1","time":"2026-01-02T03:04:05.5Z",)"
      R"("features":{"age":41,"ratio":0.5,"city":"Rome","owner":true,"face":[1,2.5],"gone":null},)"
      R"("prediction":"yes","prediction_score":0.93,"latency_seconds":0.012,"status":"ok",)"
      R"("tags":{"region":"eu"}})");
  ASSERT_THAT(events.errors, IsEmpty());
  ASSERT_EQ(events.batches.size(), 1u);
  const EventBatch& batch = *events.batches[0].batch;
  EXPECT_EQ(batch.model, "credit");
  EXPECT_EQ(batch.version, "7");
  EXPECT_EQ(batch.rows, 1u);
  EXPECT_EQ(batch.source, Source::kHttp);
  EXPECT_THAT(batch.prediction_ids, ElementsAre("a1"));
  EXPECT_THAT(batch.times_ns, ElementsAre(1'767'323'045'500'000'000));
  EXPECT_THAT(At(batch, "age").numbers, ElementsAre(41));
  EXPECT_THAT(At(batch, "ratio").numbers, ElementsAre(0.5));
  EXPECT_THAT(At(batch, "owner").numbers, ElementsAre(1));
  EXPECT_THAT(At(batch, "city").dictionary, ElementsAre("Rome"));
  EXPECT_THAT(At(batch, "face").embedding, ElementsAre(1, 2.5));
  EXPECT_EQ(At(batch, "prediction").role, v1::COLUMN_ROLE_PREDICTION);
  EXPECT_EQ(At(batch, "prediction_score").role, v1::COLUMN_ROLE_PREDICTION_SCORE);
  EXPECT_EQ(At(batch, "latency_seconds").role, v1::COLUMN_ROLE_LATENCY);
  EXPECT_EQ(At(batch, "status").role, v1::COLUMN_ROLE_STATUS);
  EXPECT_EQ(At(batch, "region").role, v1::COLUMN_ROLE_TAG);
  EXPECT_EQ(batch.columns.size(), 10u);  // nothing for the null
  EXPECT_GT(batch.bytes, 0u);
}

TEST(NdjsonTest, ColumnsThatALineLacksAreMissingInIt) {
  const NdjsonEvents events = Parse(
      "{\"model\":\"m\",\"features\":{\"a\":1}}\n"
      "\n"
      "{\"model\":\"m\",\"features\":{\"b\":\"x\",\"v\":[1,2]}}\r\n"
      "{\"model\":\"m\",\"features\":{\"a\":null,\"b\":\"y\"}}\n"
      "{\"model\":\"m\",\"features\":{\"a\":4,\"b\":\"x\"}}");
  ASSERT_THAT(events.errors, IsEmpty());
  ASSERT_EQ(events.batches.size(), 1u);
  const EventBatch& batch = *events.batches[0].batch;
  EXPECT_THAT(events.batches[0].lines, ElementsAre(1, 3, 4, 5));
  ASSERT_EQ(batch.rows, 4u);
  const Column& a = At(batch, "a");
  EXPECT_THAT(a.numbers, ElementsAre(1, 0, 0, 4));
  EXPECT_THAT(a.nulls, ElementsAre(0b0110u));
  const Column& b = At(batch, "b");
  EXPECT_THAT(b.codes, ElementsAre(0, 0, 1, 0));
  EXPECT_THAT(b.dictionary, ElementsAre("x", "y"));
  EXPECT_THAT(b.nulls, ElementsAre(0b0001u));
  const Column& v = At(batch, "v");
  EXPECT_THAT(v.embedding, ElementsAre(0, 0, 1, 2, 0, 0, 0, 0));
  EXPECT_THAT(v.nulls, ElementsAre(0b1101u));
  EXPECT_THAT(batch.times_ns, ElementsAre(77, 77, 77, 77));
  EXPECT_THAT(batch.prediction_ids, IsEmpty());
}

TEST(NdjsonTest, LinesThatDoNotAgreeBecomeBatchesInOrder) {
  const NdjsonEvents events = Parse(
      "{\"model\":\"m\",\"features\":{\"a\":1}}\n"
      "{\"model\":\"m\",\"features\":{\"a\":2}}\n"
      "{\"model\":\"n\",\"features\":{\"a\":3}}\n"
      "{\"model\":\"n\",\"version\":\"2\",\"features\":{\"a\":4}}\n"
      "{\"model\":\"n\",\"version\":\"2\",\"features\":{\"a\":\"text\"}}\n"
      "{\"model\":\"n\",\"version\":\"2\",\"features\":{\"e\":[1]}}\n"
      "{\"model\":\"n\",\"version\":\"2\",\"features\":{\"e\":[1,2]}}\n");
  std::vector<uint32_t> rows;
  for (const NdjsonBatch& batch : events.batches) rows.push_back(batch.batch->rows);
  // The first line with "e" still agrees with the one before it.
  EXPECT_THAT(rows, ElementsAre(2, 1, 1, 2, 1));
  EXPECT_EQ(events.rejected, 0u);
}

TEST(NdjsonTest, TimesInSecondsAndInText) {
  const NdjsonEvents events = Parse(
      "{\"model\":\"m\",\"time\":1700000000}\n"
      "{\"model\":\"m\",\"time\":1700000000.25}\n"
      "{\"model\":\"m\",\"time\":\"2023-11-14T22:13:20+00:00\"}\n"
      "{\"model\":\"m\",\"time\":null}\n");
  ASSERT_EQ(events.batches.size(), 1u);
  EXPECT_THAT(events.batches[0].batch->times_ns,
              ElementsAre(1'700'000'000'000'000'000, 1'700'000'000'250'000'000,
                          1'700'000'000'000'000'000, 77));
}

struct BadLine {
  const char* line;
  v1::RejectReason reason;
  const char* says;
};

TEST(NdjsonTest, ABadLineIsRefusedAlone) {
  constexpr auto kSchema = v1::REJECT_REASON_SCHEMA;
  constexpr auto kDecode = v1::REJECT_REASON_DECODE;
  const BadLine bad[] = {
      {R"({"model":"m")", kDecode, "not JSON"},
      {R"({"model":"m"} x)", kDecode, "not JSON"},
      {R"({"model":NaN})", kDecode, "not JSON"},
      {"{\"model\":\"\xff\"}", kDecode, "not JSON"},
      {R"([1,2])", kSchema, "one JSON object"},
      {R"({"features":{}})", kSchema, "\"model\" is missing"},
      {R"({"model":""})", kSchema, "\"model\" is missing"},
      {R"({"model":7})", kSchema, "\"model\": expected a text"},
      {R"({"model":"a\u0007"})", kSchema, "control character"},
      {R"({"model":"m","nonsense":1})", kSchema, "unknown key \"nonsense\""},
      {R"({"model":"m","\u0000":1})", kSchema, "unknown key a key"},
      {R"({"model":"m","features":[1]})", kSchema, "\"features\": expected an object"},
      {R"({"model":"m","features":{"":1}})", kSchema, "a name in \"features\" is empty"},
      {R"({"model":"m","features":{"a":{}}})", kSchema, "\"a\": expected a number"},
      {R"({"model":"m","features":{"a":[]}})", kSchema, "\"a\": expected an embedding"},
      {R"({"model":"m","features":{"a":[1,"x"]}})", kSchema, "\"a\": expected an array"},
      {R"({"model":"m","tags":{"a":[1]}})", kSchema, "\"a\": expected a single value"},
      {R"({"model":"m","status":1})", kSchema, "\"status\": expected a text"},
      {R"({"model":"m","latency_seconds":"1"})", kSchema, "expected a number"},
      {R"({"model":"m","status":"ok","features":{"status":1}})", kSchema, "is a duplicate"},
      {R"({"model":"m","model":"n"})", kSchema, "duplicate key \"model\""},
      {R"({"model":"m","features":{"x":1,"y\"}{:":2,"x":2}})", kSchema, "duplicate key \"x\""},
      {R"({"model":"m","features":{"x" :1, "\u0078" : null}})", kSchema, "duplicate key \"x\""},
      {R"({"model":"m","time":"yesterday"})", v1::REJECT_REASON_TIME, "RFC 3339"},
      {R"({"model":"m","time":1700000000000})", v1::REJECT_REASON_TIME, "seconds since 1970"},
      {R"({"model":"m","time":true})", v1::REJECT_REASON_TIME, "RFC 3339"},
      {R"({"model":"m","prediction_id":"good"})", v1::REJECT_REASON_ID, "duplicate prediction id"},
  };
  for (const BadLine& line : bad) {
    const NdjsonEvents events =
        Parse(std::string("{\"model\":\"m\",\"prediction_id\":\"good\"}\n") + line.line +
              "\n{\"model\":\"m\"}\n");
    EXPECT_EQ(events.rejected, 1u) << line.line;
    ASSERT_EQ(events.errors.size(), 1u) << line.line;
    EXPECT_EQ(events.errors[0].line, 2u);
    EXPECT_EQ(events.errors[0].reason, line.reason) << line.line << events.errors[0].message;
    EXPECT_EQ(events.rejected_by_reason[line.reason], 1u);
    EXPECT_THAT(events.errors[0].message, HasSubstr(line.says)) << line.line;
    ASSERT_EQ(events.batches.size(), 1u) << line.line;
    EXPECT_THAT(events.batches[0].lines, ElementsAre(1, 3));
  }
}

TEST(NdjsonTest, DeepAndLongLinesAreRefused) {
  NdjsonEvents events = Parse("{\"model\":" + std::string(100'000, '['));
  EXPECT_EQ(events.rejected_by_reason[v1::REJECT_REASON_DECODE], 1u);
  events = Parse("{\"model\":\"" + std::string(2 << 20, 'm') + "\"}\n{\"model\":\"m\"}");
  EXPECT_EQ(events.rejected_by_reason[v1::REJECT_REASON_OVERSIZE], 1u);
  EXPECT_EQ(events.batches.size(), 1u);
}

TEST(NdjsonTest, ErrorsAndLinesAreBounded) {
  std::string body;
  for (int i = 0; i < 70'000; ++i) body += "x\n";
  const NdjsonEvents events = Parse(body);
  EXPECT_EQ(events.rejected, 70'000u);
  EXPECT_EQ(events.errors.size(), NdjsonEvents::kErrorsMax);
  EXPECT_EQ(events.rejected_by_reason[v1::REJECT_REASON_OVERSIZE], 70'000u - 65'536u);
}

TEST(NdjsonTest, ColumnsOfOneRowEachDoNotBlowUpTheBatch) {
  std::string body;
  for (int row = 0; row < 4'000; ++row) {
    body += "{\"model\":\"m\",\"features\":{";
    for (int i = 0; i < 20; ++i) {
      body += (i > 0 ? ",\"" : "\"") + std::to_string(row * 20 + i) + "\":1";
    }
    body += "}}\n";
  }
  const NdjsonEvents events = Parse(body);
  EXPECT_EQ(events.rejected, 0u);
  uint64_t bytes = 0;
  for (const NdjsonBatch& batch : events.batches) bytes += batch.batch->bytes;
  // Dense it would be 80 000 columns of 4 000 rows: 2.5 GB.
  EXPECT_LT(bytes, 100u * body.size());
}

TEST(NdjsonTest, HugeNumbersAreLeftToTheCore) {
  const NdjsonEvents events =
      Parse("{\"model\":\"m\",\"features\":{\"a\":-1e400,\"b\":18446744073709551616}}");
  ASSERT_EQ(events.rejected, 0u);
  EXPECT_EQ(At(*events.batches[0].batch, "a").numbers[0], -INFINITY);
  EXPECT_EQ(At(*events.batches[0].batch, "b").numbers[0], std::ldexp(1, 64));
}

TEST(NdjsonTest, SkipsAByteOrderMark) {
  const NdjsonEvents events = ParseNdjson("\xEF\xBB\xBF{\"model\":\"m:\"}\n", {});
  EXPECT_EQ(events.rejected, 0u);
  ASSERT_EQ(events.batches.size(), 1u);
  EXPECT_EQ(events.batches[0].batch->model, "m:");
}

}  // namespace
}  // namespace faultline
