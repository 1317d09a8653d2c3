#include "tests/fuzz/batches.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>
#include <vector>

#include "base/check.h"
#include "daemon/core/settings/limits.h"
#include "daemon/core/settings/settings.h"
#include "daemon/edge/decode/decode.h"
#include "daemon/edge/decode/names.h"
#include "daemon/runtime/recording.h"
#include "tests/fuzz/core_state.h"

namespace faultline::fuzz {
namespace {

// Larger ones cost much and show nothing that small ones do not.
constexpr uint64_t kFoldCellsMax = 20'000;

size_t WordsFor(uint32_t rows) { return (size_t{rows} + 63) / 64; }

void CheckColumn(const EventBatch& batch, const Column& column) {
  FAULTLINE_CHECK(NameProblem(column.name, kNameBytesMax) == nullptr, "names are checked");
  FAULTLINE_CHECK(column.nulls.empty() || column.nulls.size() == WordsFor(batch.rows),
                  "a bit per row");
  const auto numbers = column.numbers.size();
  const auto codes = column.codes.size();
  const auto floats = column.embedding.size();
  switch (column.type) {
    case ColumnType::kNumber:
      FAULTLINE_CHECK(numbers == batch.rows && codes == 0 && floats == 0, "a number per row");
      return;
    case ColumnType::kEmbedding:
      FAULTLINE_CHECK(column.dimension > 0 && column.dimension <= kEmbeddingDimensionMax,
                      "vectors have a length");
      FAULTLINE_CHECK(floats == size_t{batch.rows} * column.dimension && numbers == 0,
                      "a vector per row");
      return;
    case ColumnType::kString:
      break;
  }
  FAULTLINE_CHECK(codes == batch.rows && numbers == 0 && floats == 0, "a code per row");
  std::set<std::string_view> distinct;
  for (const std::string& category : column.dictionary) {
    FAULTLINE_CHECK(TextProblem(category, kCategoryBytesMax) == nullptr, "texts are checked");
    FAULTLINE_CHECK(distinct.insert(category).second, "categories are distinct");
  }
  for (uint32_t row = 0; row < batch.rows; ++row) {
    FAULTLINE_CHECK(column.IsNull(row) || column.codes[row] < column.dictionary.size(),
                    "codes stand for categories");
  }
}

void CheckIds(const EventBatch& batch) {
  FAULTLINE_CHECK(batch.prediction_ids.empty() || batch.prediction_ids.size() == batch.rows,
                  "an id per row, or none");
  uint64_t refused = 0;
  std::set<std::string_view> taken;
  for (uint32_t row = 0; row < batch.rows; ++row) {
    refused += batch.IsRefused(row) ? 1 : 0;
    if (batch.IsRefused(row) || batch.prediction_ids.empty()) continue;
    const std::string& id = batch.prediction_ids[row];
    if (id.empty()) continue;
    FAULTLINE_CHECK(id.size() <= kPredictionIdBytesMax, "long ids are refused");
    FAULTLINE_CHECK(taken.insert(id).second, "a duplicate id is rejected");
  }
  FAULTLINE_CHECK(refused == batch.refused_rows, "refused rows add up");
  FAULTLINE_CHECK(batch.row_errors.size() == std::min<uint64_t>(refused, kRowErrorsMax),
                  "the first refusals are said");
}

const ModelSettings& KeepAll() {
  static const ModelSettings settings = [] {
    ModelSettings all;
    all.columns = {{.pattern = "*", .record_strings = RecordPolicy::kKeep, .sketches = {}}};
    return all;
  }();
  return settings;
}

std::unique_ptr<EventBatch> Decode(std::string_view payload) {
  v1::InferenceBatch message;
  FAULTLINE_CHECK(message.ParseFromArray(payload.data(), static_cast<int>(payload.size())),
                  "what is recorded is a message");
  Refusal refusal;
  auto batch = DecodeBatch(&message, {.received_ns = kNow}, &refusal);
  if (batch == nullptr) CheckFailed(__FILE__, __LINE__, "recorded", refusal.message.c_str());
  return batch;
}

void AddTexts(testing::Random* random, uint32_t rows, const char* prefix, v1::Column* column) {
  v1::StringValues* strings = column->mutable_strings();
  for (int i = 0; i < 4; ++i) strings->add_dictionary(prefix + std::to_string(i));
  for (uint32_t row = 0; row < rows; ++row) {
    strings->add_codes(static_cast<uint32_t>(random->Below(4)));
  }
}

v1::Column* AddColumn(const char* name, v1::ColumnRole role, v1::InferenceBatch* batch) {
  v1::Column* column = batch->add_columns();
  column->set_name(name);
  column->set_role(role);
  return column;
}

}  // namespace

v1::InferenceBatch MakeBatch(uint64_t seed, uint32_t rows, int64_t first_ns, bool moved) {
  testing::Random random(seed);
  v1::InferenceBatch batch;
  batch.set_model("credit");
  batch.set_version("1");
  batch.set_rows(rows);
  for (uint32_t row = 0; row < rows; ++row) {
    batch.add_event_times_unix_nano(static_cast<uint64_t>(first_ns + row * kSecond));
    batch.add_prediction_ids("p" + std::to_string(seed) + "-" + std::to_string(row));
  }
  v1::Column* amount = AddColumn("amount", v1::COLUMN_ROLE_FEATURE, &batch);
  v1::Column* weight = AddColumn("weight", v1::COLUMN_ROLE_FEATURE, &batch);
  v1::Column* vector = AddColumn("face", v1::COLUMN_ROLE_FEATURE, &batch);
  vector->mutable_embeddings()->set_dimension(2);
  std::string nulls((rows + 7) / 8, '\0');
  for (uint32_t row = 0; row < rows; ++row) {
    const double value = random.Normal() + (moved ? 8 : 0);
    amount->mutable_doubles()->add_values(value);
    weight->mutable_floats()->add_values(static_cast<float>(value + 0.3 * random.Normal()));
    for (int i = 0; i < 2; ++i) {
      vector->mutable_embeddings()->add_values(static_cast<float>(random.Uniform()));
    }
    if (random.Below(moved ? 2 : 10) == 0) {
      nulls[row / 8] = static_cast<char>(nulls[row / 8] | (1 << (row % 8)));
    }
  }
  weight->set_null_bitmap(nulls);
  AddTexts(&random, rows, moved ? "new" : "r", AddColumn("region", v1::COLUMN_ROLE_TAG, &batch));
  AddTexts(&random, rows, "s", AddColumn("status", v1::COLUMN_ROLE_STATUS, &batch));
  return batch;
}

std::unique_ptr<EventBatch> DecodedBatch(uint64_t seed, uint32_t rows, int64_t first_ns,
                                         bool moved) {
  v1::InferenceBatch message = MakeBatch(seed, rows, first_ns, moved);
  Refusal refusal;
  auto batch = DecodeBatch(&message, {.received_ns = first_ns + rows * kSecond}, &refusal);
  FAULTLINE_CHECK(batch != nullptr, "ours are right");
  return batch;
}

void CheckBatch(const EventBatch& batch) {
  FAULTLINE_CHECK(NameProblem(batch.model, kNameBytesMax) == nullptr, "names are checked");
  FAULTLINE_CHECK(batch.version.size() <= kVersionBytesMax, "names are checked");
  FAULTLINE_CHECK(batch.rows <= kBatchRowsMax, "batches are bounded");
  FAULTLINE_CHECK(batch.times_ns.size() == batch.rows, "a time per row");
  FAULTLINE_CHECK(batch.tags.size() <= kTagsMax, "tags are bounded");
  FAULTLINE_CHECK(batch.refused.empty() || batch.refused.size() == WordsFor(batch.rows),
                  "a bit per row");
  std::set<std::string_view> names;
  for (const Column& column : batch.columns) {
    FAULTLINE_CHECK(names.insert(column.name).second, "columns have names of their own");
    CheckColumn(batch, column);
  }
  CheckIds(batch);
}

void CheckRecording(EventBatch batch) {
  batch.tags.clear();  // a map on the wire: equal ones may differ in bytes
  const RecordedEvents recorded = EncodeRecording(batch, KeepAll());
  FAULTLINE_CHECK(recorded.rows + batch.refused_rows == batch.rows, "refused rows are left out");
  const std::unique_ptr<EventBatch> again = Decode(recorded.payload);
  CheckBatch(*again);
  FAULTLINE_CHECK(again->refused_rows == 0, "nothing is refused twice");
  FAULTLINE_CHECK(EncodeRecording(*again, KeepAll()).payload == recorded.payload,
                  "what was recorded is recorded again");
  std::vector<uint32_t> every_other;
  for (uint32_t row = 0; row < recorded.rows; row += 2) every_other.push_back(row);
  const std::unique_ptr<EventBatch> rest = Decode(RemoveRows(recorded.payload, every_other));
  CheckBatch(*rest);
  FAULTLINE_CHECK(rest->rows == recorded.rows - every_other.size(), "erased rows are gone");
  for (uint32_t row = 0; row < rest->rows; ++row) {
    FAULTLINE_CHECK(rest->times_ns[row] == again->times_ns[row * 2 + 1], "the others stay");
  }
}

void CheckFold(const EventBatch& batch) {
  uint64_t cells = batch.rows;
  for (const Column& column : batch.columns) {
    cells += uint64_t{batch.rows} * std::max(1u, column.dimension);
  }
  if (cells > kFoldCellsMax) return;
  CoreState core(BusySettings(batch.rows % 2 == 0));
  core.Apply(std::make_unique<EventBatch>(batch));
  core.Apply(std::make_unique<EventBatch>(batch));
  core.Tick(batch.received_ns + 60 * kSecond);
  core.TakeCheckpoint();
  CoreState again(BusySettings(batch.rows % 2 == 0));
  const absl::Status restored = again.Restore(core.stored());
  if (!restored.ok()) CheckFailed(__FILE__, __LINE__, "restored", restored.ToString().c_str());
  again.TakeCheckpoint();
  FAULTLINE_CHECK(again.stored() == core.stored(), "a restart changes no byte");
}

}  // namespace faultline::fuzz
