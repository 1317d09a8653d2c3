#include "daemon/core/transform/derive.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace faultline {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr uint32_t kScoreSignalsMax = 1'024;
constexpr uint64_t kKeptBytesMax = 32ull << 20;
constexpr uint64_t kMapEntryBytes = 12;

// Four sums side by side; always the same four, so always the same bits.
double Norm(const float* values, uint32_t dimension) {
  double sums[4] = {0, 0, 0, 0};
  for (uint32_t i = 0; i < dimension; ++i) {
    const double value = values[i];
    sums[i % 4] += value * value;
  }
  return std::sqrt((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

void FillNorms(const Column& column, std::span<double> norms) {
  const float* vector = column.embedding.data();
  for (double& norm : norms) {
    norm = Norm(vector, column.dimension);
    vector += column.dimension;
  }
}

}  // namespace

std::vector<double> NormsOf(const Column& column, uint32_t rows) {
  std::vector<double> norms(rows);
  FillNorms(column, norms);
  return norms;
}

void FittedScore::Encode(Encoder* out) const {
  out->String(detector);
  out->Varint(signals.size());
  for (const uint32_t signal : signals) out->Varint(signal);
  out->String(fitted);
}

bool FittedScore::Decode(Decoder* in) {
  detector = std::string(in->String());
  const uint64_t count = in->Varint();
  if (!in->ok() || count > kScoreSignalsMax) return false;
  signals.clear();
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t signal = in->Varint();
    if (signal > UINT32_MAX) return false;
    signals.push_back(static_cast<uint32_t>(signal));
  }
  fitted = std::string(in->String());
  return in->ok();
}

void DerivedRows::Encode(Encoder* out) const {
  out->String(detector);
  out->Fixed64(fingerprint);
  out->Varint(version);
  out->Varint(signal);
  out->Varint(columns.size());
  for (const uint32_t column : columns) out->Varint(column);
  out->String(fitted);
}

bool DerivedRows::Decode(Decoder* in) {
  detector = std::string(in->String());
  fingerprint = in->Fixed64();
  const uint64_t of = in->Varint();
  const uint64_t derived = in->Varint();
  const uint64_t count = in->Varint();
  if (!in->ok() || std::max(of, derived) > UINT32_MAX || count > kScoreSignalsMax) return false;
  version = static_cast<uint32_t>(of);
  signal = static_cast<uint32_t>(derived);
  columns.clear();
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t column = in->Varint();
    if (column > UINT32_MAX) return false;
    columns.push_back(static_cast<uint32_t>(column));
  }
  fitted = std::string(in->String());
  return in->ok();
}

void BatchColumns::Lay(const EventBatch& batch, const Schema& schema, const ColumnPlan& plan) {
  batch_ = &batch;
  maps_used_ = 0;
  norms_used_ = 0;
  derived_used_ = 0;
  score_columns_.clear();
  columns_.assign(schema.size(), SignalColumn());
  for (uint32_t signal = 0; signal < schema.size(); ++signal) {
    const int32_t column = plan.ColumnOf(signal);
    if (column >= 0) LaySignal(schema, signal, &batch.columns[static_cast<size_t>(column)]);
  }
}

void BatchColumns::LayAdded(const Schema& schema) { columns_.resize(schema.size()); }

void BatchColumns::LaySignal(const Schema& schema, uint32_t signal, const Column* column) {
  SignalColumn& view = columns_[signal];
  view.sent = true;
  view.nulls = column->nulls.empty() ? nullptr : column->nulls.data();
  switch (column->type) {
    case ColumnType::kNumber:
      view.numbers = column->numbers;
      break;
    case ColumnType::kString:
      view.codes = column->codes;
      view.dictionary = &column->dictionary;
      view.map = maps_used_++;
      if (maps_used_ > maps_.size()) maps_.emplace_back();
      maps_[view.map].shape = nullptr;
      break;
    case ColumnType::kEmbedding:
      if (schema[signal].derived) view.numbers = Norms(*column);
      break;
  }
}

std::span<const double> BatchColumns::Norms(const Column& column) {
  if (norms_used_ == norms_.size()) norms_.emplace_back();
  std::vector<double>& norms = norms_[norms_used_++];
  Reserve(&norms);
  norms.resize(batch_->rows);
  FillNorms(column, norms);
  return norms;
}

void BatchColumns::Reserve(std::vector<double>* values) {
  if (values->capacity() >= batch_->rows) return;
  reserved_bytes_ += (batch_->rows - values->capacity()) * sizeof(double);
  values->reserve(batch_->rows);
}

const CategoryMap& BatchColumns::MapOnto(const SignalColumn& column, const Shape& shape) {
  Map& map = maps_[column.map];
  if (map.shape != &shape) {
    map.map.Assign(shape, *column.dictionary);
    map.shape = &shape;
    if (column.dictionary->size() > map.entries_max) {
      reserved_bytes_ += (column.dictionary->size() - map.entries_max) * kMapEntryBytes;
      map.entries_max = column.dictionary->size();
    }
  }
  return map.map;
}

NumericColumn BatchColumns::ScoreInput(uint32_t input, const SignalColumn& column) {
  if (column.sent && column.nulls == nullptr) return column.numbers;
  if (input >= score_inputs_.size()) score_inputs_.resize(input + 1);
  std::vector<double>& out = score_inputs_[input];
  Reserve(&out);
  out.assign(batch_->rows, kNaN);
  if (!column.sent) return out;
  for (uint32_t row = 0; row < batch_->rows; ++row) {
    if ((column.nulls[row / 64] >> (row % 64) & 1) == 0) out[row] = column.numbers[row];
  }
  return out;
}

void BatchColumns::Score(const ScoreDetector& detector, const FittedScore& fitted, uint32_t signal,
                         RowRange range) {
  if (score_columns_.empty()) {
    for (uint32_t i = 0; i < fitted.signals.size(); ++i) {
      score_columns_.push_back(ScoreInput(i, columns_[fitted.signals[i]]));
    }
    scores_.assign(batch_->rows, kNaN);
    score_nulls_.assign((batch_->rows + 63) / 64, 0);
  }
  detector.Score(fitted.fitted, score_columns_, range, scores_);
  for (uint32_t row = range.begin; row < range.end; ++row) {
    if (std::isnan(scores_[row])) score_nulls_[row / 64] |= uint64_t{1} << (row % 64);
  }
  columns_[signal].sent = true;
  columns_[signal].numbers = scores_;
  columns_[signal].nulls = score_nulls_.data();
}

void BatchColumns::Derive(const RowDetector& detector, std::span<const RowColumn> columns,
                          RowRange range, DerivedRows* derived) {
  uint32_t at = 0;
  while (at < derived_used_ && derived_[at].signal != derived->signal) ++at;
  if (at == derived_.size()) derived_.emplace_back();
  Derived& out = derived_[at];
  if (at == derived_used_) {
    ++derived_used_;
    out.signal = derived->signal;
    Reserve(&out.values);
    out.values.assign(batch_->rows, kNaN);
    out.nulls.assign((batch_->rows + 63) / 64, 0);
  }
  detector.Derive(derived->fitted, columns, range, derived->memory, out.values);
  for (uint32_t row = range.begin; row < range.end; ++row) {
    if (std::isnan(out.values[row])) out.nulls[row / 64] |= uint64_t{1} << (row % 64);
  }
  SignalColumn& column = columns_[derived->signal];
  column.sent = true;
  column.numbers = out.values;
  column.nulls = out.nulls.data();
}

RowColumn BatchColumns::AsRowColumn(std::string_view name, uint32_t signal, const Shape& shape) {
  const SignalColumn& column = columns_[signal];
  RowColumn out = {.signal = name};
  if (!column.sent) return out;
  out.numbers = column.numbers;
  out.codes = column.codes;
  out.nulls = column.nulls;
  if (!column.codes.empty()) out.hashes = MapOnto(column, shape).hashes();
  return out;
}

void BatchColumns::Trim() {
  batch_ = nullptr;
  if (reserved_bytes_ > kKeptBytesMax) {
    maps_.clear();
    norms_.clear();
    score_inputs_.clear();
    derived_.clear();
    reserved_bytes_ = 0;
  }
}

}  // namespace faultline
