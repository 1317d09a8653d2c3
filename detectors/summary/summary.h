#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "detectors/summary/distinct.h"
#include "detectors/summary/moments.h"
#include "detectors/summary/quantiles.h"
#include "detectors/summary/selection.h"
#include "detectors/summary/shape.h"
#include "detectors/summary/top_k.h"

namespace faultline {

struct CountingKernel;
struct BoundaryTable;
struct RunTotals;

// Maps the dictionary of one batch to the cells of one shape, so that counting a row is one load.
// Reused from batch to batch.
class CategoryMap {
 public:
  // Looks up every string of the dictionary. O(dictionary).
  void Assign(const Shape& shape, std::span<const std::string> dictionary);
  std::span<const uint32_t> cells() const { return cells_; }
  std::span<const uint64_t> hashes() const { return hashes_; }
  std::span<const std::string> dictionary() const { return dictionary_; }

 private:
  std::vector<uint32_t> cells_;
  std::vector<uint64_t> hashes_;
  std::span<const std::string> dictionary_;
};

// The bounded, mergeable digest of a signal's values over some rows: of a pane, a window or a
// reference. Counts and moments are integers: exact, independent of the order of rows, batches and
// merges and of the SIMD path, and they can be subtracted. Sketches, top categories, the least and
// the largest value cannot be subtracted: a window merges them again.
//
// Cells, in order: bins (or categories); then for numbers "under", "over"; for categories "other",
// "unseen"; then for both "missing", "invalid". invalid counts NaN and infinities; it is always 0
// for categories.
//
// Operation:    one Summary per open pane, window and reference; all with the same Shape.
// Concurrency:  not thread-safe.
// Limitations:  2^63 rows per cell.
class Summary {
 public:
  // `shape` must outlive the summary.
  explicit Summary(const Shape* shape);

  // Counts the selected rows of [range.begin, range.end) of a numeric column. nulls: bit set =
  // missing; nullptr = no row is missing. Exact for every finite value. Allocates nothing once
  // warm.
  void CountNumbers(std::span<const double> values, const uint64_t* nulls, RowRange range,
                    EveryRow = {});
  void CountNumbers(std::span<const double> values, const uint64_t* nulls, RowRange range,
                    const SelectedRows& selection);

  // Counts the selected rows of a categorical column given as codes into map's dictionary. Codes
  // of rows that are not missing must lie in it; map must have been assigned this shape.
  void CountCategories(std::span<const uint32_t> codes, const CategoryMap& map,
                       const uint64_t* nulls, RowRange range, EveryRow = {});
  void CountCategories(std::span<const uint32_t> codes, const CategoryMap& map,
                       const uint64_t* nulls, RowRange range, const SelectedRows& selection);

  // Counts rows whose batch lacks the column.
  void CountMissing(uint64_t rows);

  // Adds another summary of the same shape. Sub-sums are not merged: they belong to a pane.
  void Merge(const Summary& other);

  // Merges a summary of the shape from which ShapeOfPanes made this summary's: cell i goes to
  // cell_of[i].
  void MergeInto(const Summary& other, std::span<const uint32_t> cell_of);

  // Undoes an earlier Merge of the integer parts. Sketches, top categories, the least and the
  // largest value become stale: rebuild them with ClearSketches and MergeSketches.
  void Subtract(const Summary& other);
  void ClearSketches();
  void MergeSketches(const Summary& other);

  // Resets to no rows; keeps the memory.
  void Clear();

  const Shape& shape() const { return *shape_; }
  uint64_t rows() const { return rows_; }
  uint64_t missing() const { return cells_[cells_.size() - 2]; }
  uint64_t invalid() const { return cells_[cells_.size() - 1]; }
  // Rows that have a usable value.
  uint64_t values() const { return rows_ - missing() - invalid(); }
  // All cells, in the order above.
  std::span<const uint64_t> cells() const { return cells_; }
  uint64_t under() const { return cells_[cells_.size() - 4]; }   // numeric
  uint64_t over() const { return cells_[cells_.size() - 3]; }    // numeric
  uint64_t other() const { return cells_[cells_.size() - 4]; }   // categorical
  uint64_t unseen() const { return cells_[cells_.size() - 3]; }  // categorical

  // Numeric only.
  const Moments& moments() const { return moments_; }
  double mean() const;                         // in the signal's unit; NaN without values
  double variance() const;                     // in its square, divisor n; NaN without values
  double least() const { return least_; }      // +inf without values
  double largest() const { return largest_; }  // -inf without values
  // Sums of consecutive runs of values in arrival order, for sequential detectors.
  const SubSums& sub_sums() const { return sub_sums_; }
  const QuantileSketch* quantiles() const { return quantiles_.get(); }

  const DistinctSketch* distinct() const { return distinct_.get(); }
  // Categorical only: the most frequent unseen categories.
  const TopK& unseen_top() const { return unseen_top_; }

  void Encode(std::string* out) const;
  // INVALID_ARGUMENT if the bytes are not a summary of this shape.
  static absl::StatusOr<Summary> Decode(const Shape* shape, std::string_view bytes);

  // Bytes this summary holds, heap included.
  size_t memory_bytes() const;

 private:
  void CountFewNumbers(std::span<const double> values, const uint64_t* nulls, RowRange range);
  uint32_t KeepUsable(std::span<const double> values, const uint64_t* nulls, RowRange block,
                      double* usable);
  void CountUsable(const CountingKernel& kernel, const BoundaryTable& table,
                   std::span<const double> values, uint32_t* hits);
  void AddTotals(uint32_t count, const RunTotals& totals);
  void AddToSketches(std::span<const double> values);

  const Shape* shape_;
  uint64_t rows_ = 0;
  std::vector<uint64_t> cells_;
  Moments moments_;
  double least_;
  double largest_;
  SubSums sub_sums_;
  std::unique_ptr<QuantileSketch> quantiles_;
  std::unique_ptr<DistinctSketch> distinct_;
  TopK unseen_top_;
};

// The shape for a reference made from panes counted against an earlier one: the same categories;
// for numbers the same fixed point, with the panes' least and largest value as outer boundaries
// and, between them, those inner boundaries that leave at least kBinRowsAim rows on either side.
// *cell_of: for each cell of `before`, the new cell of its rows.
Shape ShapeOfPanes(const Shape& before, const Summary& panes, uint32_t version,
                   std::vector<uint32_t>* cell_of);

}  // namespace faultline
