#include "daemon/runtime/recording.h"

#include <absl/strings/str_format.h>
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/core/settings/limits.h"

namespace faultline {
namespace {

std::string HashText(std::string_view bytes) {
  return absl::StrFormat("%016x", XXH3_64bits(bytes.data(), bytes.size()));
}

void SetBit(std::string* bitmap, size_t row) {
  (*bitmap)[row / 8] = static_cast<char>((*bitmap)[row / 8] | (1 << (row % 8)));
}

void EncodeNulls(const Column& column, const std::vector<uint32_t>& rows, v1::Column* out) {
  if (column.nulls.empty()) return;
  std::string bitmap((rows.size() + 7) / 8, '\0');
  bool any = false;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!column.IsNull(rows[i])) continue;
    SetBit(&bitmap, i);
    any = true;
  }
  if (any) out->set_null_bitmap(bitmap);
}

void EncodeNumbers(const Column& column, const std::vector<uint32_t>& rows, bool hash,
                   v1::Column* out) {
  if (!hash) {
    v1::DoubleValues* values = out->mutable_doubles();  // there also without rows
    for (const uint32_t row : rows) values->add_values(column.numbers[row]);
    return;
  }
  v1::StringValues* strings = out->mutable_strings();
  for (const uint32_t row : rows) {
    strings->add_codes(static_cast<uint32_t>(strings->dictionary_size()));
    strings->add_dictionary(HashText({reinterpret_cast<const char*>(&column.numbers[row]), 8}));
  }
}

// Drops dictionary entries that no row refers to: they belong to rows that must not be kept.
void CompactDictionary(v1::StringValues* strings) {
  constexpr uint32_t kNone = UINT32_MAX;
  std::vector<uint32_t> moved(static_cast<size_t>(strings->dictionary_size()), kNone);
  v1::StringValues compact;
  for (const uint32_t code : strings->codes()) {
    if (code >= moved.size()) return;
    if (moved[code] == kNone) {
      moved[code] = static_cast<uint32_t>(compact.dictionary_size());
      compact.add_dictionary(strings->dictionary(static_cast<int>(code)));
    }
    compact.add_codes(moved[code]);
  }
  strings->Swap(&compact);
}

void EncodeStrings(const Column& column, const std::vector<uint32_t>& rows, bool hash,
                   v1::Column* out) {
  v1::StringValues* strings = out->mutable_strings();
  for (const std::string& category : column.dictionary) {
    strings->add_dictionary(hash ? HashText(category) : category);
  }
  for (const uint32_t row : rows) strings->add_codes(column.codes[row]);
  CompactDictionary(strings);
}

void EncodeEmbedding(const Column& column, const std::vector<uint32_t>& rows, v1::Column* out) {
  v1::EmbeddingValues* values = out->mutable_embeddings();
  values->set_dimension(column.dimension);
  for (const uint32_t row : rows) {
    const float* first = column.embedding.data() + size_t{row} * column.dimension;
    values->mutable_values()->Add(first, first + column.dimension);
  }
}

void EncodeColumn(const Column& column, const std::vector<uint32_t>& rows,
                  const ModelSettings& settings, v1::InferenceBatch* out) {
  const ColumnSettings treatment = settings.ForColumn(column.name);
  if (treatment.ignore) return;
  const RecordPolicy policy =
      column.type == ColumnType::kString ? treatment.record_strings : treatment.record_numbers;
  if (policy == RecordPolicy::kDrop) return;
  // A hashed vector has no use that a dropped one has not.
  if (policy == RecordPolicy::kHash && column.type == ColumnType::kEmbedding) return;
  v1::Column* encoded = out->add_columns();
  encoded->set_name(column.name);
  encoded->set_role(column.role);
  EncodeNulls(column, rows, encoded);
  const bool hash = policy == RecordPolicy::kHash;
  switch (column.type) {
    case ColumnType::kNumber:
      EncodeNumbers(column, rows, hash, encoded);
      break;
    case ColumnType::kString:
      EncodeStrings(column, rows, hash, encoded);
      break;
    case ColumnType::kEmbedding:
      EncodeEmbedding(column, rows, encoded);
      break;
  }
}

// Keeps the elements of a repeated field whose index is not in `drop`.
template <typename Field>
void KeepRows(const std::vector<bool>& drop, size_t width, Field* field) {
  if (static_cast<size_t>(field->size()) != drop.size() * width) return;
  int kept = 0;
  for (int i = 0; i < field->size(); ++i) {
    if (!drop[static_cast<size_t>(i) / width]) field->SwapElements(kept++, i);
  }
  field->DeleteSubrange(kept, field->size() - kept);
}

template <typename Value>
void KeepNumbers(const std::vector<bool>& drop, size_t width,
                 google::protobuf::RepeatedField<Value>* field) {
  if (static_cast<size_t>(field->size()) != drop.size() * width) return;
  int kept = 0;
  for (int i = 0; i < field->size(); ++i) {
    if (!drop[static_cast<size_t>(i) / width]) field->Set(kept++, field->Get(i));
  }
  field->Truncate(kept);
}

std::string KeepBits(const std::vector<bool>& drop, const std::string& bitmap) {
  if (bitmap.size() != (drop.size() + 7) / 8) return bitmap;
  const auto kept_rows = static_cast<size_t>(std::count(drop.begin(), drop.end(), false));
  std::string kept((kept_rows + 7) / 8, '\0');
  size_t next = 0;
  for (size_t row = 0; row < drop.size(); ++row) {
    if (drop[row]) continue;
    if (((bitmap[row / 8] >> (row % 8)) & 1) != 0) SetBit(&kept, next);
    ++next;
  }
  return kept;
}

}  // namespace

RecordedEvents EncodeRecording(const EventBatch& batch, const ModelSettings& settings) {
  std::vector<uint32_t> rows;
  rows.reserve(batch.rows);
  for (uint32_t row = 0; row < batch.rows; ++row) {
    if (!batch.IsRefused(row)) rows.push_back(row);
  }
  v1::InferenceBatch encoded;
  encoded.set_model(batch.model);
  encoded.set_version(batch.version);
  encoded.set_rows(static_cast<uint32_t>(rows.size()));
  RecordedEvents events;
  for (const uint32_t row : rows) {
    const int64_t time_ns = batch.times_ns[row];
    encoded.add_event_times_unix_nano(static_cast<uint64_t>(time_ns));
    events.first_ns = events.rows == 0 ? time_ns : std::min(events.first_ns, time_ns);
    events.last_ns = events.rows == 0 ? time_ns : std::max(events.last_ns, time_ns);
    ++events.rows;
    if (batch.prediction_ids.empty()) continue;
    encoded.add_prediction_ids(batch.prediction_ids[row]);
    events.prediction_ids.push_back(batch.prediction_ids[row]);
  }
  for (const Column& column : batch.columns) EncodeColumn(column, rows, settings, &encoded);
  for (const auto& [key, value] : batch.tags) (*encoded.mutable_tags())[key] = value;
  events.model = batch.model;
  events.version = batch.version;
  events.payload = encoded.SerializeAsString();
  return events;
}

std::string RemoveRows(std::string_view payload, const std::vector<uint32_t>& rows) {
  v1::InferenceBatch batch;
  const bool readable = batch.ParseFromArray(payload.data(), static_cast<int>(payload.size())) &&
                        batch.rows() <= kBatchRowsMax;
  if (!readable) return {};
  std::vector<bool> drop(batch.rows(), false);
  for (const uint32_t row : rows) {
    if (row < drop.size()) drop[row] = true;
  }
  KeepRows(drop, 1, batch.mutable_prediction_ids());
  KeepNumbers(drop, 1, batch.mutable_event_times_unix_nano());
  for (v1::Column& column : *batch.mutable_columns()) {
    if (!column.null_bitmap().empty()) column.set_null_bitmap(KeepBits(drop, column.null_bitmap()));
    if (column.has_doubles()) KeepNumbers(drop, 1, column.mutable_doubles()->mutable_values());
    if (column.has_strings()) {
      KeepNumbers(drop, 1, column.mutable_strings()->mutable_codes());
      CompactDictionary(column.mutable_strings());
    }
    if (column.has_embeddings()) {
      KeepNumbers(drop, column.embeddings().dimension(),
                  column.mutable_embeddings()->mutable_values());
    }
  }
  batch.set_rows(static_cast<uint32_t>(std::count(drop.begin(), drop.end(), false)));
  return batch.SerializeAsString();
}

}  // namespace faultline
