#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/codec.h"
#include "daemon/core/contract/event.h"
#include "daemon/core/signal/schema.h"
#include "detectors/contract/detector.h"
#include "detectors/summary/summary.h"

namespace faultline {

// A score detector fitted to the reference rows of a model, and the signals it takes.
struct FittedScore {
  std::string detector;           // its name in the catalog
  std::vector<uint32_t> signals;  // in the order of its columns
  std::string fitted;             // what ScoreDetector::Fit wrote; empty: not fitted yet

  bool ready() const { return !fitted.empty(); }
  void Encode(Encoder* out) const;
  bool Decode(Decoder* in);
};

// A signal that a row detector derives from others, fitted to the reference rows of a model.
struct DerivedRows {
  std::string detector;           // its name in the catalog
  uint64_t fingerprint = 0;       // of its options
  uint32_t version = 0;           // of the reference it was fitted to
  uint32_t signal = 0;            // that is derived
  std::vector<uint32_t> columns;  // signals it takes
  std::string fitted;             // what RowDetector::Fit wrote
  std::vector<std::byte> memory;  // from row to row

  // All but the memory.
  void Encode(Encoder* out) const;
  bool Decode(Decoder* in);
  size_t memory_bytes() const {
    return sizeof *this + columns.capacity() * sizeof(uint32_t) + fitted.capacity() +
           memory.capacity();
  }
};

// The norm of each vector of a column.
std::vector<double> NormsOf(const Column& column, uint32_t rows);

// What a signal gets from a batch.
struct SignalColumn {
  bool sent = false;
  std::span<const double> numbers;
  std::span<const uint32_t> codes;
  const std::vector<std::string>* dictionary = nullptr;
  const uint64_t* nulls = nullptr;
  uint32_t map = 0;  // which of the batch's category maps, for categories
};

// A batch as the signals of a model see it: each gets its column, or the values derived for it.
// The memory is shared by the models of a shard and reused from batch to batch.
//
// Concurrency:  none.
class BatchColumns {
 public:
  // Lays out a batch; it must outlive its use. Computes the norms of vectors.
  void Lay(const EventBatch& batch, const Schema& schema, const ColumnPlan& plan);
  // Lays out signals that were added since. Only ever derived ones.
  void LayAdded(const Schema& schema);
  // Computes the scores of rows in range and gives them to `signal`. Rows that cannot be scored
  // are missing.
  void Score(const ScoreDetector& detector, const FittedScore& fitted, uint32_t signal,
             RowRange range);

  // Computes the values of rows in range for derived->signal. columns: its inputs.
  void Derive(const RowDetector& detector, std::span<const RowColumn> columns, RowRange range,
              DerivedRows* derived);
  // A signal as row detectors take it; `shape` is its reference's.
  RowColumn AsRowColumn(std::string_view name, uint32_t signal, const Shape& shape);

  // Event times of the rows.
  std::span<const int64_t> times() const { return batch_->times_ns; }
  const SignalColumn& operator[](uint32_t signal) const { return columns_[signal]; }
  // The map of a column's dictionary onto a shape; made once per batch and shape.
  const CategoryMap& MapOnto(const SignalColumn& column, const Shape& shape);
  // Gives back what an unusually large batch left.
  void Trim();

 private:
  struct Map {
    CategoryMap map;
    const Shape* shape = nullptr;  // of this batch; null: not made yet
    size_t entries_max = 0;        // of any batch
  };
  void LaySignal(const Schema& schema, uint32_t signal, const Column* column);
  std::span<const double> Norms(const Column& column);
  void Reserve(std::vector<double>* values);
  NumericColumn ScoreInput(uint32_t input, const SignalColumn& column);

  const EventBatch* batch_ = nullptr;
  std::vector<SignalColumn> columns_;  // by signal
  std::vector<Map> maps_;
  uint32_t maps_used_ = 0;
  std::vector<std::vector<double>> norms_;
  uint32_t norms_used_ = 0;
  std::vector<std::vector<double>> score_inputs_;  // with NaN where missing
  std::vector<NumericColumn> score_columns_;       // empty until laid out for this batch
  std::vector<double> scores_;
  std::vector<uint64_t> score_nulls_;
  // By order of first use in this batch.
  struct Derived {
    uint32_t signal = 0;
    std::vector<double> values;
    std::vector<uint64_t> nulls;
  };
  std::vector<Derived> derived_;
  uint32_t derived_used_ = 0;
  uint64_t reserved_bytes_ = 0;  // about
};

}  // namespace faultline
