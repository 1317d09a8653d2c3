#include "daemon/edge/decode/event_rows.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "daemon/core/settings/limits.h"
#include "daemon/edge/decode/decode.h"

namespace faultline {
namespace {

bool SameKind(const EventCell& cell, const Column& column) {
  return cell.type == column.type && cell.role == column.role &&
         (cell.type != ColumnType::kEmbedding || cell.vector.size() == column.dimension);
}

uint64_t Width(const EventCell& cell) {
  return cell.type == ColumnType::kEmbedding ? cell.vector.size() : 1;
}

}  // namespace

const EventRows::Filling* EventRows::Find(std::string_view name) const {
  const auto at = by_name_.find(std::string(name));
  return at == by_name_.end() ? nullptr : &filling_[at->second];
}

bool EventRows::Fits(const EventRow& row) const {
  if (rows_ == 0) return true;
  if (rows_ >= kBatchRowsMax || row.model != model_ || row.version != version_) return false;
  uint64_t width = width_;
  uint64_t cells = cells_;
  for (const EventCell& cell : row.cells) {
    const Filling* filling = Find(cell.name);
    if (filling == nullptr) {
      width += Width(cell);
    } else if (!SameKind(cell, filling->column)) {
      return false;
    }
    cells += Width(cell);
  }
  return width * (rows_ + 1) <= 4 * cells + kCellsSpare;
}

void EventRows::Add(const EventRow& row) {
  FAULTLINE_CHECK(Fits(row), "the caller asks first");
  if (rows_ == 0) {
    model_ = row.model;
    version_ = row.version;
  }
  for (const EventCell& cell : row.cells) {
    const auto [at, added] = by_name_.emplace(std::string(cell.name), filling_.size());
    if (added) {
      Column& column = filling_.emplace_back().column;
      column.name = cell.name;
      column.role = cell.role;
      column.type = cell.type;
      column.dimension = static_cast<uint32_t>(cell.vector.size());
      width_ += Width(cell);
    }
    cells_ += Width(cell);
    Filling* filling = &filling_[at->second];
    Pad(rows_, filling);
    Append(cell, filling);
  }
  any_id_ |= !row.prediction_id.empty();
  ids_.emplace_back(row.prediction_id);
  if (!row.prediction_id.empty()) ids_seen_.emplace(row.prediction_id);
  times_ns_.push_back(row.time_ns);
  ++rows_;
}

// Up to `rows`, all missing.
void EventRows::Pad(uint32_t rows, Filling* filling) {
  Column& column = filling->column;
  if (filling->filled == rows) return;
  column.nulls.resize((size_t{rows} + 63) / 64);
  for (uint32_t row = filling->filled; row < rows; ++row) {
    column.nulls[row / 64] |= uint64_t{1} << (row % 64);
  }
  if (column.type == ColumnType::kNumber) column.numbers.resize(rows);
  if (column.type == ColumnType::kString) column.codes.resize(rows);
  if (column.type == ColumnType::kEmbedding) {
    column.embedding.resize(size_t{rows} * column.dimension);
  }
  filling->filled = rows;
}

void EventRows::Append(const EventCell& cell, Filling* filling) {
  Column& column = filling->column;
  if (cell.type == ColumnType::kNumber) {
    column.numbers.push_back(cell.number);
  } else if (cell.type == ColumnType::kString) {
    const auto next = static_cast<uint32_t>(column.dictionary.size());
    const auto [at, added] = filling->codes.emplace(std::string(cell.text), next);
    if (added) column.dictionary.emplace_back(cell.text);
    column.codes.push_back(at->second);
  } else {
    column.embedding.insert(column.embedding.end(), cell.vector.begin(), cell.vector.end());
  }
  ++filling->filled;
  if (!column.nulls.empty()) column.nulls.resize((size_t{filling->filled} + 63) / 64);
}

std::unique_ptr<EventBatch> EventRows::Take(Source source, int64_t received_ns) {
  auto batch = std::make_unique<EventBatch>();
  batch->model = std::move(model_);
  batch->version = std::move(version_);
  batch->rows = rows_;
  batch->source = source;
  batch->received_ns = received_ns;
  batch->times_ns = std::move(times_ns_);
  if (any_id_) batch->prediction_ids = std::move(ids_);
  batch->columns.reserve(filling_.size());
  for (Filling& filling : filling_) {
    Pad(rows_, &filling);
    batch->columns.push_back(std::move(filling.column));
  }
  batch->bytes = BatchBytes(*batch);
  *this = EventRows();
  return batch;
}

}  // namespace faultline
