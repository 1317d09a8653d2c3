#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/core/contract/event.h"
#include "daemon/core/signal/schema.h"
#include "detectors/contract/transform.h"
#include "detectors/summary/summary.h"

namespace faultline {

// The values of a signal in a batch.
struct SignalColumn {
  bool sent = false;    // or derived
  bool valued = false;  // its rows have values, some missing; false: rows are only counted
  std::span<const double> numbers;
  std::span<const uint32_t> codes;
  const std::vector<std::string>* dictionary = nullptr;
  const Column* vectors = nullptr;  // the column, if it has vectors
  const uint64_t* nulls = nullptr;
  uint32_t map = 0;  // index of the category map, for categories
};

// The values that a column transform makes of a column, one per row.
std::vector<double> DerivedOf(const Transform& transform, const Column& column, uint32_t rows);

// A batch by signal: for each signal of a model its column, or the values derived for it. The
// memory is shared by the models of a shard and reused from batch to batch.
//
// Concurrency:  none.
class BatchColumns {
 public:
  // Lays out a batch, which must outlive its use, with the signals of column transforms.
  void Lay(const EventBatch& batch, const Schema& schema, const ColumnPlan& plan);
  // Lays out signals added since then; they have no column.
  void LayAdded(const Schema& schema);

  // A signal as input of a transform. `shape`: of its reference; null: as if it were not sent.
  RowColumn AsRowColumn(std::string_view name, uint32_t signal, const Shape* shape);
  // Computes a signal's values of the rows in range; rows without a value are missing.
  void Derive(const Transform& transform, std::string_view fitted,
              std::span<const RowColumn> columns, RowRange range, std::span<std::byte> memory,
              uint32_t signal);
  // Lets a signal count the rows of the batch, without values.
  void MarkRows(uint32_t signal) { columns_[signal].sent = true; }

  // Event times of the rows.
  std::span<const int64_t> times() const { return batch_->times_ns; }
  const SignalColumn& operator[](uint32_t signal) const { return columns_[signal]; }
  // Maps a column's dictionary to the cells of a shape; made once per batch and shape.
  const CategoryMap& MapOnto(const SignalColumn& column, const Shape& shape);
  // Releases the memory of an unusually large batch.
  void Trim();

 private:
  struct Map {
    CategoryMap map;
    const Shape* shape = nullptr;  // of this batch; null: not made yet
    size_t entries_max = 0;        // of any batch
  };
  struct Derived {
    uint32_t signal = 0;
    std::vector<double> values;
    std::vector<uint64_t> nulls;
  };
  void LayColumn(uint32_t signal, const Column& column);
  void LayDerived(const SignalFacts& facts, uint32_t signal);
  Derived& AddDerived(uint32_t signal);

  const EventBatch* batch_ = nullptr;
  std::vector<SignalColumn> columns_;  // by signal
  std::vector<Map> maps_;
  uint32_t maps_used_ = 0;
  std::vector<Derived> derived_;  // by order of first use in this batch
  uint32_t derived_used_ = 0;
  uint64_t reserved_bytes_ = 0;  // approximate
};

}  // namespace faultline
