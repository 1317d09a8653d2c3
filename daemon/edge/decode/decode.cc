#include "daemon/edge/decode/decode.h"

#include <absl/container/flat_hash_set.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <string_view>
#include <utility>

#include "daemon/core/settings/limits.h"
#include "daemon/edge/decode/names.h"

namespace faultline {
namespace {

static_assert(std::endian::native == std::endian::little, "null bitmaps are copied as words");

struct Decoding {
  uint32_t rows = 0;
  Refusal* refusal = nullptr;

  // Always false, so that checks read `return Refuse(...)`.
  bool Refuse(std::string message) const {
    refusal->reason = v1::REJECT_REASON_SCHEMA;
    refusal->message = std::move(message);
    return false;
  }
};

bool RightCount(const Decoding& decoding, const Column& column, uint64_t values) {
  if (values == decoding.rows) return true;
  return decoding.Refuse(absl::StrCat("column \"", column.name, "\" has ", values, " values for ",
                                      decoding.rows, " rows"));
}

template <typename Values>
bool DecodeNumbers(const Decoding& decoding, const Values& values, Column* column) {
  if (!RightCount(decoding, *column, static_cast<uint64_t>(values.size()))) return false;
  column->type = ColumnType::kNumber;
  // Its iterators hide that values lie in a row, and doubles are copied as one block.
  column->numbers.assign(values.data(), values.data() + values.size());
  return true;
}

bool DecodeStrings(const Decoding& decoding, v1::StringValues* strings, Column* column) {
  if (!RightCount(decoding, *column, static_cast<uint64_t>(strings->codes_size()))) return false;
  const auto size = static_cast<uint32_t>(strings->dictionary_size());
  const auto refuse = [&](const std::string& what) {
    return decoding.Refuse(absl::StrCat("column \"", column->name, "\": ", what));
  };
  if (size > kDictionaryMax) {
    return refuse(absl::StrCat("a dictionary of ", size, ", at most ", kDictionaryMax));
  }
  uint32_t highest = 0;
  for (const uint32_t code : strings->codes()) highest = std::max(highest, code);
  if (decoding.rows > 0 && highest >= size) {
    return refuse(absl::StrCat("code ", highest, " in a dictionary of ", size));
  }
  absl::flat_hash_set<std::string_view> seen;
  seen.reserve(size);
  for (uint32_t i = 0; i < size; ++i) {
    const std::string& text = strings->dictionary(static_cast<int>(i));
    if (const char* problem = TextProblem(text, kCategoryBytesMax)) {
      return refuse(absl::StrCat("dictionary entry ", i, " ", problem));
    }
    if (!seen.insert(text).second)
      return refuse(absl::StrCat("dictionary entry ", i, " is a duplicate"));
  }
  column->type = ColumnType::kString;
  column->codes.assign(strings->codes().begin(), strings->codes().end());
  column->dictionary.reserve(size);
  for (std::string& text : *strings->mutable_dictionary()) {
    column->dictionary.push_back(std::move(text));
  }
  return true;
}

bool DecodeEmbeddings(const Decoding& decoding, const v1::EmbeddingValues& vectors,
                      Column* column) {
  const uint32_t dimension = vectors.dimension();
  if (dimension == 0 || dimension > kEmbeddingDimensionMax) {
    return decoding.Refuse(absl::StrCat("column \"", column->name, "\": dimension ", dimension,
                                        ", expected 1 to ", kEmbeddingDimensionMax));
  }
  const uint64_t expected = uint64_t{decoding.rows} * dimension;
  if (static_cast<uint64_t>(vectors.values_size()) != expected) {
    return decoding.Refuse(absl::StrCat("column \"", column->name, "\" has ", vectors.values_size(),
                                        " values for ", decoding.rows, " rows of dimension ",
                                        dimension));
  }
  column->type = ColumnType::kEmbedding;
  column->dimension = dimension;
  column->embedding.assign(vectors.values().begin(), vectors.values().end());
  return true;
}

bool DecodeNulls(const Decoding& decoding, const std::string& bitmap, Column* column) {
  if (bitmap.empty()) return true;
  const size_t bytes = (size_t{decoding.rows} + 7) / 8;
  if (bitmap.size() != bytes) {
    return decoding.Refuse(absl::StrCat("column \"", column->name, "\": a null bitmap of ",
                                        bitmap.size(), " bytes for ", decoding.rows, " rows"));
  }
  std::vector<uint64_t> words((bytes + 7) / 8);
  std::memcpy(words.data(), bitmap.data(), bytes);
  if (decoding.rows % 64 != 0) words.back() &= (uint64_t{1} << (decoding.rows % 64)) - 1;
  const bool any = std::any_of(words.begin(), words.end(), [](uint64_t word) { return word != 0; });
  if (any) column->nulls = std::move(words);
  return true;
}

bool DecodeValues(const Decoding& decoding, v1::Column* from, Column* column) {
  switch (from->values_case()) {
    case v1::Column::kDoubles:
      return DecodeNumbers(decoding, from->doubles().values(), column);
    case v1::Column::kFloats:
      return DecodeNumbers(decoding, from->floats().values(), column);
    case v1::Column::kInt64S:
      return DecodeNumbers(decoding, from->int64s().values(), column);
    case v1::Column::kBools:
      return DecodeNumbers(decoding, from->bools().values(), column);
    case v1::Column::kStrings:
      return DecodeStrings(decoding, from->mutable_strings(), column);
    case v1::Column::kEmbeddings:
      return DecodeEmbeddings(decoding, from->embeddings(), column);
    case v1::Column::VALUES_NOT_SET:
      break;
  }
  return decoding.Refuse(absl::StrCat("column \"", column->name, "\" has no values"));
}

// Column names that this thread has validated, in their order. A sender's batches repeat the same
// columns, and in batches of few rows checking their names is most of the work.
class KnownNames {
 public:
  static constexpr size_t kNamesMax = 4'096;

  bool Are(const v1::InferenceBatch& message) const {
    if (static_cast<size_t>(message.columns_size()) != names_.size()) return false;
    for (size_t i = 0; i < names_.size(); ++i) {
      if (message.columns(static_cast<int>(i)).name() != names_[i]) return false;
    }
    return true;
  }
  void Set(const v1::InferenceBatch& message) {
    names_.clear();
    if (static_cast<size_t>(message.columns_size()) > kNamesMax) return;
    for (const v1::Column& column : message.columns()) names_.push_back(column.name());
  }

 private:
  std::vector<std::string> names_;
};

bool CheckNames(const Decoding& decoding, const v1::InferenceBatch& message) {
  thread_local KnownNames known;
  if (known.Are(message)) return true;
  absl::flat_hash_set<std::string_view> names;
  names.reserve(static_cast<size_t>(message.columns_size()));
  for (int i = 0; i < message.columns_size(); ++i) {
    const std::string& name = message.columns(i).name();
    if (const char* problem = NameProblem(name, kNameBytesMax)) {
      return decoding.Refuse(absl::StrCat("the name of column ", i, " ", problem));
    }
    if (!names.insert(name).second) {
      return decoding.Refuse(absl::StrCat("column \"", name, "\" is a duplicate"));
    }
  }
  known.Set(message);
  return true;
}

bool DecodeColumns(const Decoding& decoding, v1::InferenceBatch* message, EventBatch* batch) {
  if (!CheckNames(decoding, *message)) return false;
  batch->columns.resize(static_cast<size_t>(message->columns_size()));
  for (int i = 0; i < message->columns_size(); ++i) {
    v1::Column* from = message->mutable_columns(i);
    Column& column = batch->columns[static_cast<size_t>(i)];
    column.name = std::move(*from->mutable_name());
    if (!v1::ColumnRole_IsValid(from->role())) {
      return decoding.Refuse(
          absl::StrCat("column \"", column.name, "\": unknown role ", from->role()));
    }
    column.role =
        from->role() == v1::COLUMN_ROLE_UNSPECIFIED ? v1::COLUMN_ROLE_FEATURE : from->role();
    if (!DecodeValues(decoding, from, &column) ||
        !DecodeNulls(decoding, from->null_bitmap(), &column)) {
      return false;
    }
  }
  return true;
}

bool DecodeTags(const Decoding& decoding, const v1::InferenceBatch& message, EventBatch* batch) {
  if (message.tags().size() > kTagsMax) {
    return decoding.Refuse(absl::StrCat(message.tags().size(), " tags, at most ", kTagsMax));
  }
  for (const auto& [key, value] : message.tags()) {
    if (const char* problem = NameProblem(key, kTagBytesMax)) {
      return decoding.Refuse(absl::StrCat("the key of a tag ", problem));
    }
    if (const char* problem = TextProblem(value, kTagBytesMax)) {
      return decoding.Refuse(absl::StrCat("the value of tag \"", key, "\" ", problem));
    }
    batch->tags.emplace_back(key, value);
  }
  // The message's map is unordered; stored bytes need an order.
  std::sort(batch->tags.begin(), batch->tags.end());
  return true;
}

bool DecodeIdsAndTimes(const Decoding& decoding, v1::InferenceBatch* message,
                       const DecodeOptions& options, EventBatch* batch) {
  const auto ids = static_cast<uint64_t>(message->prediction_ids_size());
  if (ids != 0 && ids != decoding.rows) {
    return decoding.Refuse(absl::StrCat(ids, " prediction ids for ", decoding.rows, " rows"));
  }
  const auto times = static_cast<uint64_t>(message->event_times_unix_nano_size());
  if (times != 0 && times != decoding.rows) {
    return decoding.Refuse(absl::StrCat(times, " event times for ", decoding.rows, " rows"));
  }
  batch->prediction_ids.reserve(ids);
  for (std::string& id : *message->mutable_prediction_ids()) {
    batch->prediction_ids.push_back(std::move(id));
  }
  if (times == 0) {
    batch->times_ns.assign(decoding.rows, options.received_ns);
    return true;
  }
  batch->times_ns.reserve(times);
  for (const uint64_t time : message->event_times_unix_nano()) {
    batch->times_ns.push_back(
        static_cast<int64_t>(std::min(time, static_cast<uint64_t>(INT64_MAX))));
  }
  return true;
}

// Checks the size that rows and values would take, before anything is allocated.
bool FitsMemory(const v1::InferenceBatch& message, const DecodeOptions& options, Refusal* refusal) {
  const uint64_t rows = message.rows();
  uint64_t bytes = sizeof(EventBatch) + rows * sizeof(int64_t);
  for (const v1::Column& column : message.columns()) {
    bytes += sizeof(Column);
    if (column.has_strings()) {
      bytes += rows * sizeof(uint32_t) + column.strings().ByteSizeLong() +
               static_cast<uint64_t>(column.strings().dictionary_size()) * sizeof(std::string);
    } else if (column.has_embeddings()) {
      bytes += static_cast<uint64_t>(column.embeddings().values_size()) * sizeof(float);
    } else {
      bytes += rows * sizeof(double);
    }
  }
  if (bytes <= options.bytes_max) return true;
  refusal->reason = v1::REJECT_REASON_OVERSIZE;
  refusal->message = absl::StrCat("the batch would take ", bytes, " bytes of memory, at most ",
                                  options.bytes_max, "; send fewer rows at once");
  return false;
}

void RefuseRow(uint32_t row, std::string message, EventBatch* batch) {
  if (batch->refused.empty()) batch->refused.resize((batch->rows + 63) / 64);
  batch->refused[row / 64] |= uint64_t{1} << (row % 64);
  ++batch->refused_rows;
  if (batch->row_errors.size() >= kRowErrorsMax) return;
  v1::RowError& error = batch->row_errors.emplace_back();
  error.set_row(row);
  error.set_reason(v1::REJECT_REASON_ID);
  error.set_message(std::move(message));
}

}  // namespace

void RefuseBadIds(EventBatch* batch) {
  absl::flat_hash_set<std::string_view> seen;
  seen.reserve(batch->prediction_ids.size());
  for (uint32_t row = 0; row < batch->prediction_ids.size(); ++row) {
    std::string& id = batch->prediction_ids[row];
    if (id.empty()) continue;
    if (const char* problem = NameProblem(id, kPredictionIdBytesMax)) {
      RefuseRow(row, absl::StrCat("the prediction id ", problem), batch);
      id.clear();
    } else if (!seen.insert(id).second) {
      RefuseRow(row, "duplicate prediction id in batch", batch);
    }
  }
}

uint64_t BatchBytes(const EventBatch& batch) {
  // A string holds up to 15 bytes in itself.
  const auto text = [](const std::string& value) {
    return sizeof(std::string) + (value.size() > 15 ? value.capacity() : 0);
  };
  uint64_t bytes = sizeof batch + batch.times_ns.capacity() * sizeof(int64_t) +
                   batch.refused.capacity() * sizeof(uint64_t);
  for (const std::string& id : batch.prediction_ids) bytes += text(id);
  for (const Column& column : batch.columns) {
    bytes +=
        sizeof column + text(column.name) - sizeof(std::string) +
        column.numbers.capacity() * sizeof(double) + column.codes.capacity() * sizeof(uint32_t) +
        column.embedding.capacity() * sizeof(float) + column.nulls.capacity() * sizeof(uint64_t);
    for (const std::string& entry : column.dictionary) bytes += text(entry);
  }
  for (const auto& [key, value] : batch.tags) bytes += text(key) + text(value);
  return bytes;
}

uint64_t RefusedRows(uint64_t rows) { return std::clamp<uint64_t>(rows, 1, kBatchRowsMax); }

std::unique_ptr<EventBatch> DecodeBatch(v1::InferenceBatch* message, const DecodeOptions& options,
                                        Refusal* refusal) {
  const Decoding decoding{message->rows(), refusal};
  const auto refuse = [&](std::string text) {
    decoding.Refuse(std::move(text));
    return nullptr;
  };
  if (const char* problem = NameProblem(message->model(), kNameBytesMax)) {
    return refuse(absl::StrCat("the name of the model ", problem));
  }
  if (!message->version().empty()) {
    const char* problem = NameProblem(message->version(), kVersionBytesMax);
    if (problem != nullptr) return refuse(absl::StrCat("the version of the model ", problem));
  }
  if (message->rows() > kBatchRowsMax) {
    refusal->reason = v1::REJECT_REASON_OVERSIZE;
    refusal->message = absl::StrCat(message->rows(), " rows, at most ", kBatchRowsMax);
    return nullptr;
  }
  if (!FitsMemory(*message, options, refusal)) return nullptr;

  auto batch = std::make_unique<EventBatch>();
  batch->rows = message->rows();
  batch->source = options.source;
  batch->received_ns = options.received_ns;
  batch->client_dropped_rows = message->client_dropped_rows();
  if (!DecodeTags(decoding, *message, batch.get()) ||
      !DecodeIdsAndTimes(decoding, message, options, batch.get()) ||
      !DecodeColumns(decoding, message, batch.get())) {
    return nullptr;
  }
  batch->model = std::move(*message->mutable_model());
  batch->version = std::move(*message->mutable_version());
  RefuseBadIds(batch.get());
  batch->bytes = BatchBytes(*batch);
  return batch;
}

}  // namespace faultline
