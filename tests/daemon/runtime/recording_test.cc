#include "daemon/runtime/recording.h"

#include <gtest/gtest.h>

#include <memory>

namespace faultline {
namespace {

EventBatch MakeBatch() {
  EventBatch batch;
  batch.model = "credit";
  batch.version = "7";
  batch.rows = 3;
  batch.prediction_ids = {"p0", "p1", "p2"};
  batch.times_ns = {300, 100, 200};
  Column income;
  income.name = "income";
  income.numbers = {1.5, 2.5, 3.5};
  income.nulls = {0b010};
  Column region;
  region.name = "region";
  region.type = ColumnType::kString;
  region.dictionary = {"north", "canary-secret"};
  region.codes = {0, 1, 0};
  Column face;
  face.name = "face";
  face.type = ColumnType::kEmbedding;
  face.dimension = 2;
  face.embedding = {1, 2, 3, 4, 5, 6};
  batch.columns = {income, region, face};
  return batch;
}

ModelSettings WithColumn(const std::string& name, RecordPolicy numbers, RecordPolicy strings) {
  ModelSettings settings;
  ColumnSettings column;
  column.pattern = name;
  column.record_numbers = numbers;
  column.record_strings = strings;
  settings.columns = {column};
  return settings;
}

v1::InferenceBatch Parse(const RecordedEvents& events) {
  v1::InferenceBatch batch;
  EXPECT_TRUE(batch.ParseFromString(events.payload));
  return batch;
}

TEST(Recording, DropsStringsUnlessTold) {
  const RecordedEvents events = EncodeRecording(MakeBatch(), ModelSettings());
  const v1::InferenceBatch batch = Parse(events);
  ASSERT_EQ(batch.columns_size(), 2);
  EXPECT_EQ(batch.columns(0).name(), "income");
  EXPECT_EQ(batch.columns(0).null_bitmap(), std::string(1, '\x02'));
  EXPECT_EQ(batch.columns(1).embeddings().values_size(), 6);
  EXPECT_EQ(events.payload.find("canary-secret"), std::string::npos);
  EXPECT_EQ(events.rows, 3u);
  EXPECT_EQ(events.first_ns, 100);
  EXPECT_EQ(events.last_ns, 300);
}

TEST(Recording, HashesKeepEqualityAndNothingElse) {
  const RecordedEvents events =
      EncodeRecording(MakeBatch(), WithColumn("region", RecordPolicy::kKeep, RecordPolicy::kHash));
  EXPECT_EQ(events.payload.find("canary-secret"), std::string::npos);
  EXPECT_EQ(events.payload.find("north"), std::string::npos);
  const v1::InferenceBatch batch = Parse(events);
  ASSERT_EQ(batch.columns(1).name(), "region");
  const auto& codes = batch.columns(1).strings().codes();
  EXPECT_EQ(codes.Get(0), codes.Get(2));
  EXPECT_NE(codes.Get(0), codes.Get(1));
}

TEST(Recording, RefusedRowsAreNotRecorded) {
  EventBatch batch = MakeBatch();
  batch.refused = {0b010};
  batch.refused_rows = 1;
  const RecordedEvents events =
      EncodeRecording(batch, WithColumn("*", RecordPolicy::kKeep, RecordPolicy::kKeep));
  EXPECT_EQ(events.rows, 2u);
  EXPECT_EQ(events.prediction_ids, (std::vector<std::string>{"p0", "p2"}));
  EXPECT_EQ(events.payload.find("canary-secret"), std::string::npos);
  EXPECT_EQ(events.payload.find("p1"), std::string::npos);
}

TEST(Recording, ColumnsKeepTheirTypeWithoutRows) {
  EventBatch batch = MakeBatch();
  batch.refused = {0b111};
  batch.refused_rows = 3;
  const RecordedEvents events =
      EncodeRecording(batch, WithColumn("*", RecordPolicy::kKeep, RecordPolicy::kKeep));
  EXPECT_EQ(events.rows, 0u);
  const v1::InferenceBatch recorded = Parse(events);
  ASSERT_EQ(recorded.columns_size(), 3);
  EXPECT_TRUE(recorded.columns(0).has_doubles());
  EXPECT_TRUE(recorded.columns(1).has_strings());
  EXPECT_TRUE(recorded.columns(2).has_embeddings());
}

TEST(Recording, RemoveRowsLeavesNoTraceOfThem) {
  const RecordedEvents events =
      EncodeRecording(MakeBatch(), WithColumn("*", RecordPolicy::kKeep, RecordPolicy::kKeep));
  ASSERT_NE(events.payload.find("canary-secret"), std::string::npos);
  const std::string payload = RemoveRows(events.payload, {1});
  EXPECT_EQ(payload.find("canary-secret"), std::string::npos);
  EXPECT_EQ(payload.find("p1"), std::string::npos);
  v1::InferenceBatch batch;
  ASSERT_TRUE(batch.ParseFromString(payload));
  EXPECT_EQ(batch.rows(), 2u);
  EXPECT_EQ(batch.prediction_ids_size(), 2);
  EXPECT_EQ(batch.columns(0).doubles().values(1), 3.5);
  EXPECT_EQ(batch.columns(0).null_bitmap(), std::string(1, '\0'));
  EXPECT_EQ(batch.columns(2).embeddings().values(2), 5);
  EXPECT_EQ(RemoveRows("nonsense\xff", {0}), "");
  batch.set_rows(UINT32_MAX);  // no recording is so long
  EXPECT_EQ(RemoveRows(batch.SerializeAsString(), {0}), "");
}

}  // namespace
}  // namespace faultline
