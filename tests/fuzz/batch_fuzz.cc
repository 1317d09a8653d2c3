// An InferenceBatch message, as gRPC brings it.
#include <algorithm>

#include "base/check.h"
#include "base/utf8.h"
#include "daemon/edge/decode/decode.h"
#include "tests/fuzz/batches.h"
#include "tests/fuzz/core_state.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/mutate.h"

namespace faultline::fuzz {
namespace {

template <typename Field>
void ResizeField(size_t size, Field* field) {
  while (static_cast<size_t>(field->size()) > size) field->RemoveLast();
  while (!field->empty() && static_cast<size_t>(field->size()) < size) {
    *field->Add() = field->Get(field->size() / 2);
  }
}

// So that most batches are whole: all their parts as long as the rows they say.
void ResizeBatch(uint32_t rows, v1::InferenceBatch* batch) {
  batch->set_rows(rows);
  ResizeField(rows, batch->mutable_event_times_unix_nano());
  ResizeField(rows, batch->mutable_prediction_ids());
  for (v1::Column& column : *batch->mutable_columns()) {
    if (!column.null_bitmap().empty()) column.mutable_null_bitmap()->resize((rows + 7) / 8);
    if (column.has_doubles()) ResizeField(rows, column.mutable_doubles()->mutable_values());
    if (column.has_floats()) ResizeField(rows, column.mutable_floats()->mutable_values());
    if (column.has_int64s()) ResizeField(rows, column.mutable_int64s()->mutable_values());
    if (column.has_bools()) ResizeField(rows, column.mutable_bools()->mutable_values());
    if (column.has_strings()) ResizeField(rows, column.mutable_strings()->mutable_codes());
    if (column.has_embeddings()) {
      const uint32_t dimension = std::min(column.embeddings().dimension(), 16u);
      ResizeField(size_t{rows} * dimension, column.mutable_embeddings()->mutable_values());
    }
  }
}

}  // namespace

void Run(std::string_view bytes) {
  v1::InferenceBatch message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return;
  const uint32_t rows = message.rows();
  Refusal refusal;
  const auto batch = DecodeBatch(&message, {.received_ns = kNow}, &refusal);
  if (batch == nullptr) {
    FAULTLINE_CHECK(refusal.reason != v1::REJECT_REASON_UNSPECIFIED, "a refusal has a reason");
    FAULTLINE_CHECK(!refusal.message.empty(), "a refusal says what is wrong");
    FAULTLINE_CHECK(Utf8PrefixBytes(refusal.message) == refusal.message.size(),
                    "it goes into a message");
    return;
  }
  FAULTLINE_CHECK(batch->rows == rows, "no row is lost");
  CheckBatch(*batch);
  CheckRecording(*batch);
  CheckFold(*batch);
}

void Mutate(Random* dice, size_t bytes_max, std::string* bytes) {
  v1::InferenceBatch message;
  if (dice->Below(2) == 0 || !message.ParseFromString(*bytes)) {
    return MutateSerialized(dice, bytes_max, &message, bytes);
  }
  if (dice->Below(2) == 0) MutateMessage(dice, &message);
  const uint64_t rows = dice->Below(4) == 0 ? dice->Below(200) : std::min(message.rows(), 200u);
  ResizeBatch(static_cast<uint32_t>(rows), &message);
  if (message.ByteSizeLong() <= bytes_max) *bytes = message.SerializeAsString();
}

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  for (const uint32_t rows : {0, 1, 9, 64, 100}) {
    v1::InferenceBatch batch = MakeBatch(rows, rows, kNow - 200 * kSecond, rows > 64);
    (*batch.mutable_tags())["pod"] = "a";
    batch.set_client_dropped_rows(rows);
    seeds.push_back(batch.SerializeAsString());
  }
  v1::InferenceBatch numbers;
  numbers.set_model("m");
  numbers.set_rows(3);
  for (int i = 0; i < 2; ++i) numbers.add_columns()->set_name("c" + std::to_string(i));
  for (int row = 0; row < 3; ++row) {
    numbers.mutable_columns(0)->mutable_int64s()->add_values(int64_t{1} << (20 * row));
    numbers.mutable_columns(1)->mutable_bools()->add_values(row == 1);
    numbers.add_prediction_ids("same");
  }
  seeds.push_back(numbers.SerializeAsString());
  return seeds;
}

}  // namespace faultline::fuzz
