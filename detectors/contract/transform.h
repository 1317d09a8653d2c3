#pragma once

#include <absl/status/status.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "detectors/summary/summary.h"

namespace faultline {

enum class ColumnValues : uint8_t { kNumbers, kCategories, kVectors };

// A column of rows as transforms take it: numbers, codes of categories or vectors; none of them if
// the column was not sent.
struct RowColumn {
  std::string_view signal;
  std::span<const double> numbers = {};
  std::span<const uint32_t> codes = {};   // of rows that are not missing: into hashes
  std::span<const uint64_t> hashes = {};  // XXH3-64 of the categories
  std::span<const float> vectors = {};    // row after row, `dimension` elements each
  uint32_t dimension = 0;
  const uint64_t* nulls = nullptr;  // bit set = missing; nullptr = no row is missing

  bool IsMissing(uint32_t row) const {
    return nulls != nullptr && (nulls[row / 64] >> (row % 64) & 1) != 0;
  }
  // Tells values apart; 0 if the row has none. Numbers and categories only.
  uint64_t Key(uint32_t row) const;
  // NaN if the row has no finite number.
  double Number(uint32_t row) const;
  // Empty if the row has no vector.
  std::span<const float> Vector(uint32_t row) const;
};

// How the signals of a transform come about.
enum class Derivation : uint8_t {
  kNone = 0,  // sent, not derived
  // Row by row from one column, for which it stands: it is missing where the column is, and learns
  // its reference as the column would. Needs no fit and no memory.
  kColumn = 1,
  // Fitted to reference rows, whose values are the reference of the signal.
  kFitted = 2,
  // Counts the rows; none of them has a value, so there is nothing to fit.
  kRows = 3,
};

// What holds for everything that a transform makes.
struct TransformFacts {
  std::string_view name;  // of its kind in the catalog, or its own; stored with its signals
  Derivation derivation = Derivation::kFitted;
  // Judged by the detector that the transform comes with; by others only if they name the signal.
  bool owned = false;
  // What it derives depends on these options: a fit made under others is not used. Empty if all
  // that it depends on is in the fit.
  std::string options = {};
  size_t memory_bytes = 0;  // that it keeps from row to row, per signal
};

// A column that a transform may take.
struct ColumnOffer {
  std::string_view signal;
  ColumnValues values = ColumnValues::kNumbers;
  bool feature = true;  // of the model
  bool chosen = true;   // by the `signals` of its detector, or without any because it is a feature
  bool derived = false;
};

// A signal that a transform makes.
struct MadeSignal {
  std::string name;
  // Of those that Fit was given, in the order Derive takes them.
  std::vector<uint32_t> columns = {};
  std::string fitted = {};  // flat bytes, versioned
  uint32_t used_rows = 0;   // the first rows went into the fit and are no reference
};

// Derives signals from the columns of a batch, before counting: one number per row. Stateless, made
// once from validated options and shared by models and threads. What it learnt and what it
// remembers from row to row are flat bytes that the caller keeps.
//
// Limitations:  columns of vectors are not kept as reference rows, so only transforms of a column
//               (Derivation::kColumn) see vectors.
class Transform {
 public:
  virtual ~Transform() = default;
  const TransformFacts& facts() const { return facts_; }

  virtual bool Takes(const ColumnOffer& column) const = 0;
  // Whether it makes a signal of that name.
  virtual bool Makes(std::string_view signal) const = 0;
  // Appends the signals to be made of these columns, which it takes. Derivation::kFitted learns
  // from the reference rows; the others have no rows and go by the names of the columns alone.
  // FAILED_PRECONDITION with what is missing.
  virtual absl::Status Fit(std::span<const RowColumn> columns, uint32_t rows,
                           std::vector<MadeSignal>* made) const = 0;
  // Values of rows [range.begin, range.end), in order; NaN where there is none. `columns` are those
  // of the signal. memory: facts().memory_bytes, all bits 0 if no row was seen yet. `fitted` that
  // Fit did not write gives NaN. Not called for Derivation::kRows.
  virtual void Derive(std::string_view fitted, std::span<const RowColumn> columns, RowRange range,
                      std::span<std::byte> memory, std::span<double> values) const = 0;

 protected:
  explicit Transform(TransformFacts facts) : facts_(std::move(facts)) {}

 private:
  TransformFacts facts_;
};

}  // namespace faultline
