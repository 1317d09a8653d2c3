#include "daemon/edge/decode/decode.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>

#include "daemon/core/settings/limits.h"

namespace faultline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

v1::InferenceBatch Batch(uint32_t rows) {
  v1::InferenceBatch batch;
  batch.set_model("m");
  batch.set_rows(rows);
  return batch;
}

v1::Column* AddNumbers(v1::InferenceBatch* batch, const std::string& name) {
  v1::Column* column = batch->add_columns();
  column->set_name(name);
  for (uint32_t row = 0; row < batch->rows(); ++row) column->mutable_doubles()->add_values(row);
  return column;
}

v1::Column* AddStrings(v1::InferenceBatch* batch, const std::string& name) {
  v1::Column* column = batch->add_columns();
  column->set_name(name);
  column->mutable_strings()->add_dictionary("a");
  column->mutable_strings()->add_dictionary("b");
  for (uint32_t row = 0; row < batch->rows(); ++row) column->mutable_strings()->add_codes(row % 2);
  return column;
}

std::unique_ptr<EventBatch> Decode(v1::InferenceBatch message, Refusal* refusal) {
  return DecodeBatch(&message, {.received_ns = 42}, refusal);
}

TEST(DecodeTest, EveryTypeOfColumn) {
  v1::InferenceBatch message = Batch(2);
  v1::Column* column = AddNumbers(&message, "d");
  column->set_role(v1::COLUMN_ROLE_PREDICTION);
  column = message.add_columns();
  column->set_name("f");
  column->mutable_floats()->add_values(0.5f);
  column->mutable_floats()->add_values(std::numeric_limits<float>::infinity());
  column = message.add_columns();
  column->set_name("i");
  column->mutable_int64s()->add_values(-3);
  column->mutable_int64s()->add_values(int64_t{1} << 40);
  column = message.add_columns();
  column->set_name("b");
  column->mutable_bools()->add_values(true);
  column->mutable_bools()->add_values(false);
  AddStrings(&message, "s");
  column = message.add_columns();
  column->set_name("e");
  column->mutable_embeddings()->set_dimension(3);
  for (int i = 0; i < 6; ++i) column->mutable_embeddings()->add_values(static_cast<float>(i));

  Refusal refusal;
  const auto batch = Decode(message, &refusal);
  ASSERT_NE(batch, nullptr) << refusal.message;
  ASSERT_EQ(batch->columns.size(), 6u);
  EXPECT_THAT(batch->columns[0].numbers, ElementsAre(0, 1));
  EXPECT_EQ(batch->columns[0].role, v1::COLUMN_ROLE_PREDICTION);
  EXPECT_EQ(batch->columns[1].role, v1::COLUMN_ROLE_FEATURE);
  EXPECT_THAT(batch->columns[1].numbers, ElementsAre(0.5, INFINITY));
  EXPECT_THAT(batch->columns[2].numbers, ElementsAre(-3, std::ldexp(1, 40)));
  EXPECT_THAT(batch->columns[3].numbers, ElementsAre(1, 0));
  EXPECT_THAT(batch->columns[4].dictionary, ElementsAre("a", "b"));
  EXPECT_THAT(batch->columns[4].codes, ElementsAre(0, 1));
  EXPECT_EQ(batch->columns[4].type, ColumnType::kString);
  EXPECT_EQ(batch->columns[5].dimension, 3u);
  EXPECT_THAT(batch->columns[5].embedding, ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(batch->times_ns, ElementsAre(42, 42));
  EXPECT_EQ(batch->received_ns, 42);
  EXPECT_EQ(batch->refused_rows, 0u);
}

TEST(DecodeTest, NamesAreCheckedAfreshWhenTheyChange) {
  Refusal refusal;
  v1::InferenceBatch message = Batch(1);
  AddNumbers(&message, "a");
  AddNumbers(&message, "b");
  for (int i = 0; i < 3; ++i) {
    const auto batch = Decode(message, &refusal);
    ASSERT_NE(batch, nullptr);
    EXPECT_EQ(batch->columns[0].name, "a");
    EXPECT_EQ(batch->columns[1].name, "b");
  }
  message.mutable_columns(1)->set_name("a");
  EXPECT_EQ(Decode(message, &refusal), nullptr);
  EXPECT_EQ(Decode(message, &refusal), nullptr);
  message.mutable_columns(1)->set_name("");
  EXPECT_EQ(Decode(message, &refusal), nullptr);
  message.mutable_columns()->RemoveLast();
  EXPECT_NE(Decode(message, &refusal), nullptr);
}

TEST(DecodeTest, NullBitmapMarksRowsAndIgnoresBitsBehindThem) {
  for (const uint32_t rows : {1u, 7u, 8u, 9u, 63u, 64u, 65u, 200u}) {
    v1::InferenceBatch message = Batch(rows);
    std::string bitmap((rows + 7) / 8, '\0');
    for (uint32_t row = 0; row < rows; row += 3) bitmap[row / 8] |= static_cast<char>(1 << row % 8);
    if (rows % 8 != 0) bitmap.back() |= static_cast<char>(1 << 7);
    AddNumbers(&message, "x")->set_null_bitmap(bitmap);
    Refusal refusal;
    const auto batch = Decode(message, &refusal);
    ASSERT_NE(batch, nullptr) << refusal.message;
    for (uint32_t row = 0; row < rows; ++row) {
      EXPECT_EQ(batch->columns[0].IsNull(row), row % 3 == 0) << rows << " " << row;
    }
    EXPECT_EQ(batch->columns[0].nulls.size(), (rows + 63) / 64);
    if (rows % 64 != 0) {
      EXPECT_EQ(batch->columns[0].nulls.back() >> (rows % 64), 0u);
    }
  }
}

TEST(DecodeTest, NullBitmapWithoutNullsIsNone) {
  v1::InferenceBatch message = Batch(9);
  AddNumbers(&message, "x")->set_null_bitmap(std::string(2, '\0'));
  Refusal refusal;
  EXPECT_THAT(Decode(message, &refusal)->columns[0].nulls, ElementsAre());
}

TEST(DecodeTest, BadIdsRefuseTheirRowsAlone) {
  v1::InferenceBatch message = Batch(6);
  AddNumbers(&message, "x");
  const std::string longest(kPredictionIdBytesMax, 'i');
  for (const std::string& id :
       {std::string("a"), longest, longest + "i", std::string("a"), std::string(), std::string()}) {
    message.add_prediction_ids(id);
  }
  Refusal refusal;
  const auto batch = Decode(message, &refusal);
  ASSERT_NE(batch, nullptr);
  EXPECT_EQ(batch->refused_rows, 2u);
  for (const uint32_t row : {0u, 1u, 4u, 5u}) EXPECT_FALSE(batch->IsRefused(row)) << row;
  ASSERT_EQ(batch->row_errors.size(), 2u);
  EXPECT_EQ(batch->row_errors[0].row(), 2u);
  EXPECT_EQ(batch->row_errors[1].row(), 3u);
  EXPECT_EQ(batch->row_errors[1].reason(), v1::REJECT_REASON_ID);
  EXPECT_TRUE(batch->IsRefused(2));
  EXPECT_TRUE(batch->IsRefused(3));
}

TEST(DecodeTest, AnIdWithAControlCharacterIsRefusedAsInAPost) {
  for (const char* id : {"a\nb", "\x7f", "a\u0085"}) {
    v1::InferenceBatch message = Batch(1);
    message.add_prediction_ids(id);
    Refusal refusal;
    const auto batch = Decode(message, &refusal);
    ASSERT_NE(batch, nullptr);
    ASSERT_EQ(batch->refused_rows, 1u) << ::testing::PrintToString(id);
    EXPECT_EQ(batch->row_errors[0].message(), "the prediction id has a control character");
  }
}

TEST(DecodeTest, RowErrorsAreBounded) {
  v1::InferenceBatch message = Batch(1000);
  for (int row = 0; row < 1000; ++row) message.add_prediction_ids("same");
  Refusal refusal;
  const auto batch = Decode(message, &refusal);
  EXPECT_EQ(batch->refused_rows, 999u);
  EXPECT_EQ(batch->row_errors.size(), kRowErrorsMax);
}

TEST(DecodeTest, TimesBeyondInt64AreTheLargest) {
  v1::InferenceBatch message = Batch(3);
  for (const uint64_t time : {uint64_t{7}, UINT64_MAX, static_cast<uint64_t>(INT64_MAX)}) {
    message.add_event_times_unix_nano(time);
  }
  Refusal refusal;
  EXPECT_THAT(Decode(message, &refusal)->times_ns, ElementsAre(7, INT64_MAX, INT64_MAX));
}

TEST(DecodeTest, TagsAreSortedByKey) {
  v1::InferenceBatch message = Batch(0);
  for (const char* key : {"zone", "app", "host"}) (*message.mutable_tags())[key] = "v";
  Refusal refusal;
  const auto batch = Decode(message, &refusal);
  ASSERT_NE(batch, nullptr);
  EXPECT_THAT(batch->tags, ElementsAre(testing::Pair("app", "v"), testing::Pair("host", "v"),
                                       testing::Pair("zone", "v")));
}

TEST(DecodeTest, BytesCoverWhatIsHeld) {
  v1::InferenceBatch message = Batch(1000);
  AddNumbers(&message, "x");
  AddStrings(&message, "s");
  for (int row = 0; row < 1000; ++row) {
    message.add_prediction_ids(std::string(40, 'i') + std::to_string(row));
  }
  Refusal refusal;
  const auto batch = Decode(message, &refusal);
  // Numbers, codes, times, and ids in a string each.
  EXPECT_GT(batch->bytes, 1000u * (8 + 4 + 8 + 32 + 41));
  EXPECT_LT(batch->bytes, 1000u * (8 + 4 + 8 + 32 + 100) + 2000);
}

struct BrokenCase {
  const char* name;
  std::function<void(v1::InferenceBatch*)> break_it;
  v1::RejectReason reason;
  const char* says;
};

class BrokenBatchTest : public testing::TestWithParam<BrokenCase> {};

TEST_P(BrokenBatchTest, IsRefusedAsAWholeAndSaysWhy) {
  v1::InferenceBatch message = Batch(4);
  AddNumbers(&message, "x");
  AddStrings(&message, "s");
  Refusal refusal;
  ASSERT_NE(Decode(message, &refusal), nullptr);
  GetParam().break_it(&message);
  EXPECT_EQ(Decode(message, &refusal), nullptr);
  EXPECT_EQ(refusal.reason, GetParam().reason);
  EXPECT_THAT(refusal.message, HasSubstr(GetParam().says));
}

constexpr auto kSchema = v1::REJECT_REASON_SCHEMA;
const BrokenCase kBroken[] = {
    {"NoModel", [](auto* b) { b->clear_model(); }, kSchema, "model is empty"},
    {"LongModel", [](auto* b) { b->set_model(std::string(129, 'm')); }, kSchema, "too long"},
    {"ModelNotUtf8", [](auto* b) { b->set_model("\xff"); }, kSchema, "not UTF-8"},
    {"ModelWithNewline", [](auto* b) { b->set_model("a\nb"); }, kSchema, "control character"},
    {"ModelWithC1Control", [](auto* b) { b->set_model("a\xc2\x85"); }, kSchema, "control"},
    {"LongVersion", [](auto* b) { b->set_version(std::string(65, 'v')); }, kSchema, "version"},
    {"TooManyRows", [](auto* b) { b->set_rows(65'537); }, v1::REJECT_REASON_OVERSIZE, "65537"},
    {"RowsDisagree", [](auto* b) { b->set_rows(3); }, kSchema, "4 values for 3 rows"},
    {"NameTwice", [](auto* b) { b->mutable_columns(1)->set_name("x"); }, kSchema, "is a duplicate"},
    {"NoName", [](auto* b) { b->mutable_columns(1)->clear_name(); }, kSchema, "column 1 is empty"},
    {"NoValues", [](auto* b) { b->mutable_columns(0)->clear_doubles(); }, kSchema, "no values"},
    {"UnknownRole",
     [](auto* b) { b->mutable_columns(0)->set_role(static_cast<v1::ColumnRole>(99)); }, kSchema,
     "role 99"},
    {"ShortBitmap", [](auto* b) { b->mutable_columns(0)->set_null_bitmap("12"); }, kSchema,
     "null bitmap of 2 bytes"},
    {"CodeOutside", [](auto* b) { b->mutable_columns(1)->mutable_strings()->set_codes(3, 2); },
     kSchema, "code 2 in a dictionary of 2"},
    {"NoDictionary", [](auto* b) { b->mutable_columns(1)->mutable_strings()->clear_dictionary(); },
     kSchema, "dictionary of 0"},
    {"DictionaryTwice",
     [](auto* b) { b->mutable_columns(1)->mutable_strings()->set_dictionary(1, "a"); }, kSchema,
     "entry 1 is a duplicate"},
    {"LongCategory",
     [](auto* b) {
       b->mutable_columns(1)->mutable_strings()->set_dictionary(1, std::string(1025, 'c'));
     },
     kSchema, "too long"},
    {"CategoryNotUtf8",
     [](auto* b) { b->mutable_columns(1)->mutable_strings()->set_dictionary(1, "\xc0\x80"); },
     kSchema, "not UTF-8"},
    {"NoDimension", [](auto* b) { b->mutable_columns(0)->mutable_embeddings(); }, kSchema,
     "dimension 0"},
    {"HugeDimension",
     [](auto* b) { b->mutable_columns(0)->mutable_embeddings()->set_dimension(4'097); }, kSchema,
     "dimension 4097"},
    {"EmbeddingCount",
     [](auto* b) { b->mutable_columns(0)->mutable_embeddings()->set_dimension(2); }, kSchema,
     "0 values for 4 rows of dimension 2"},
    {"Ids", [](auto* b) { b->add_prediction_ids("a"); }, kSchema, "1 prediction ids for 4 rows"},
    {"Times", [](auto* b) { b->add_event_times_unix_nano(1); }, kSchema, "1 event times"},
    {"TooManyTags",
     [](auto* b) {
       for (int i = 0; i < 17; ++i) (*b->mutable_tags())[std::to_string(i)] = "v";
     },
     kSchema, "17 tags"},
    {"LongTag", [](auto* b) { (*b->mutable_tags())["k"] = std::string(257, 'v'); }, kSchema,
     "tag \"k\""},
};

INSTANTIATE_TEST_SUITE_P(All, BrokenBatchTest, testing::ValuesIn(kBroken),
                         [](const auto& broken) { return broken.param.name; });

TEST(DecodeTest, MemoryIsBoundedBeforeItIsTaken) {
  v1::InferenceBatch message = Batch(kBatchRowsMax);
  v1::Column* column = message.add_columns();
  column->set_name("b");
  for (uint32_t row = 0; row < kBatchRowsMax; ++row) column->mutable_bools()->add_values(true);
  Refusal refusal;
  EXPECT_EQ(DecodeBatch(&message, {.received_ns = 0, .bytes_max = 1 << 20}, &refusal), nullptr);
  EXPECT_EQ(refusal.reason, v1::REJECT_REASON_OVERSIZE);
  EXPECT_NE(DecodeBatch(&message, {.received_ns = 0, .bytes_max = 2 << 20}, &refusal), nullptr);
}

TEST(DecodeTest, RefusedRowsAreCountedWithinReason) {
  EXPECT_EQ(RefusedRows(0), 1u);
  EXPECT_EQ(RefusedRows(17), 17u);
  EXPECT_EQ(RefusedRows(UINT32_MAX), kBatchRowsMax);
}

}  // namespace
}  // namespace faultline
