#include "daemon/core/transform/batch_columns.h"

#include <cmath>
#include <limits>

#include "detectors/transform/column_transforms.h"

namespace faultline {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr uint64_t kKeptBytesMax = 32ull << 20;
constexpr uint64_t kMapEntryBytes = 12;

}  // namespace

std::vector<double> DerivedOf(const Transform& transform, const Column& column, uint32_t rows) {
  const RowColumn from = {.signal = column.name,
                          .numbers = column.numbers,
                          .vectors = column.embedding,
                          .dimension = column.dimension,
                          .nulls = column.nulls.empty() ? nullptr : column.nulls.data()};
  std::vector<double> values(rows, kNaN);
  transform.Derive({}, {&from, 1}, {0, rows}, {}, values);
  return values;
}

void BatchColumns::Lay(const EventBatch& batch, const Schema& schema, const ColumnPlan& plan) {
  batch_ = &batch;
  maps_used_ = 0;
  derived_used_ = 0;
  columns_.assign(schema.size(), SignalColumn());
  for (const auto [signal, column] : plan.sent()) LayColumn(signal, batch.columns[column]);
  for (const auto [signal, column] : plan.derived()) LayDerived(schema[signal], signal);
}

void BatchColumns::LayAdded(const Schema& schema) { columns_.resize(schema.size()); }

void BatchColumns::LayColumn(uint32_t signal, const Column& column) {
  SignalColumn& view = columns_[signal];
  view.sent = view.valued = true;
  view.nulls = column.nulls.empty() ? nullptr : column.nulls.data();
  switch (column.type) {
    case ColumnType::kNumber:
      view.numbers = column.numbers;
      break;
    case ColumnType::kString:
      view.codes = column.codes;
      view.dictionary = &column.dictionary;
      view.map = maps_used_++;
      if (maps_used_ > maps_.size()) maps_.emplace_back();
      maps_[view.map].shape = nullptr;
      break;
    case ColumnType::kEmbedding:
      view.vectors = &column;
      break;
  }
}

// The source is a sent column, and those are laid out before.
void BatchColumns::LayDerived(const SignalFacts& facts, uint32_t signal) {
  const RowColumn from = AsRowColumn({}, static_cast<uint32_t>(facts.source), nullptr);
  std::vector<double>& values = AddDerived(signal).values;
  values.resize(batch_->rows);
  FindColumnTransform(facts.transform)->Derive({}, {&from, 1}, {0, batch_->rows}, {}, values);
  SignalColumn& view = columns_[signal];
  view.sent = view.valued = true;
  view.numbers = values;
  view.nulls = from.nulls;
}

BatchColumns::Derived& BatchColumns::AddDerived(uint32_t signal) {
  if (derived_used_ == derived_.size()) derived_.emplace_back();
  Derived& derived = derived_[derived_used_++];
  derived.signal = signal;
  if (derived.values.capacity() < batch_->rows) {
    reserved_bytes_ += (batch_->rows - derived.values.capacity()) * sizeof(double);
    derived.values.reserve(batch_->rows);
  }
  return derived;
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

RowColumn BatchColumns::AsRowColumn(std::string_view name, uint32_t signal, const Shape* shape) {
  const SignalColumn& column = columns_[signal];
  RowColumn out = {.signal = name};
  if (!column.sent) return out;
  out.numbers = column.numbers;
  out.nulls = column.nulls;
  if (column.vectors != nullptr) {
    out.vectors = column.vectors->embedding;
    out.dimension = column.vectors->dimension;
  }
  if (column.codes.empty() || shape == nullptr) return out;
  out.codes = column.codes;
  out.hashes = MapOnto(column, *shape).hashes();
  return out;
}

void BatchColumns::Derive(const Transform& transform, std::string_view fitted,
                          std::span<const RowColumn> columns, RowRange range,
                          std::span<std::byte> memory, uint32_t signal) {
  uint32_t at = 0;
  while (at < derived_used_ && derived_[at].signal != signal) ++at;
  if (at == derived_used_) {
    Derived& added = AddDerived(signal);
    added.values.assign(batch_->rows, kNaN);
    added.nulls.assign((batch_->rows + 63) / 64, 0);
  }
  Derived& out = derived_[at];
  transform.Derive(fitted, columns, range, memory, out.values);
  for (uint32_t row = range.begin; row < range.end; ++row) {
    if (std::isnan(out.values[row])) out.nulls[row / 64] |= uint64_t{1} << (row % 64);
  }
  SignalColumn& column = columns_[signal];
  column.sent = column.valued = true;
  column.numbers = out.values;
  column.nulls = out.nulls.data();
}

void BatchColumns::Trim() {
  batch_ = nullptr;
  if (reserved_bytes_ > kKeptBytesMax) {
    maps_.clear();
    derived_.clear();
    reserved_bytes_ = 0;
  }
}

}  // namespace faultline
