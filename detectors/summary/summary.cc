#include "detectors/summary/summary.h"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/check.h"
#include "detectors/summary/binning.h"

namespace faultline {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr uint32_t kBlockRows = 256;
// With fewer rows, a plain search per value is cheaper than building a BoundaryTable.
constexpr uint32_t kTableRowsMin = 8;

bool IsSet(const uint64_t* bits, uint32_t row) { return (bits[row / 64] >> (row % 64) & 1) != 0; }

bool AnySet(const uint64_t* bits, RowRange range) {
  for (uint32_t row = range.begin; row < range.end;) {
    const uint32_t shift = row % 64;
    const uint32_t take = std::min(64 - shift, range.end - row);
    const uint64_t mask = take == 64 ? ~uint64_t{0} : (uint64_t{1} << take) - 1;
    if ((bits[row / 64] >> shift & mask) != 0) return true;
    row += take;
  }
  return false;
}

uint32_t CellOf(const Shape& shape, double value) {
  const uint32_t bins = shape.bins();
  if (bins == 0 || value > shape.high) return bins + 1;
  if (value < shape.low) return bins;
  const auto above = std::upper_bound(shape.boundaries.begin(), shape.boundaries.end(), value);
  return std::min(static_cast<uint32_t>(above - shape.boundaries.begin()), bins) - 1;
}

uint64_t HashOf(double value) {
  const uint64_t bits = std::bit_cast<uint64_t>(value + 0.0);  // -0 is 0
  return XXH3_64bits(&bits, sizeof bits);
}

uint32_t CategoryCell(const Shape& shape, uint64_t hash, const std::string& category) {
  const auto& cells = shape.category_cells;
  const auto at = std::lower_bound(cells.begin(), cells.end(), hash,
                                   [](const auto& cell, uint64_t h) { return cell.hash < h; });
  const uint32_t categories = static_cast<uint32_t>(shape.categories.size());
  // A crafted hash collision must not count as a known category.
  if (at != cells.end() && at->hash == hash && shape.categories[at->cell] == category) {
    return at->cell;
  }
  const auto& others = shape.other_hashes;
  return std::binary_search(others.begin(), others.end(), hash) ? categories : categories + 1;
}

size_t CellCount(const Shape& shape) {
  return 4 + (shape.type == SignalType::kNumeric ? shape.bins() : shape.categories.size());
}

// Packs the selected rows side by side and calls count(values, nulls, range) for each full block.
template <typename Value, typename Count>
void CountPacked(std::span<const Value> values, const uint64_t* nulls, RowRange range,
                 const SelectedRows& selection, const Count& count) {
  std::array<Value, kBlockRows> packed;
  std::array<uint64_t, kBlockRows / 64> packed_nulls{};
  uint32_t rows = 0;
  const auto flush = [&] {
    count(std::span<const Value>(packed), nulls == nullptr ? nullptr : packed_nulls.data(),
          RowRange{0, rows});
    packed_nulls.fill(0);
    rows = 0;
  };
  selection.ForEach(range, [&](uint32_t row) {
    packed[rows] = values[row];
    if (nulls != nullptr) packed_nulls[rows / 64] |= uint64_t{IsSet(nulls, row)} << (rows % 64);
    if (++rows == kBlockRows) flush();
  });
  if (rows > 0) flush();
}

}  // namespace

void CategoryMap::Assign(const Shape& shape, std::span<const std::string> dictionary) {
  dictionary_ = dictionary;
  cells_.clear();
  hashes_.clear();
  for (const std::string& category : dictionary) {
    hashes_.push_back(XXH3_64bits(category.data(), category.size()));
    cells_.push_back(CategoryCell(shape, hashes_.back(), category));
  }
}

Summary::Summary(const Shape* shape)
    : shape_(shape), cells_(CellCount(*shape)), least_(kInfinity), largest_(-kInfinity) {
  if (shape->sketches.quantiles && shape->type == SignalType::kNumeric) {
    quantiles_ = std::make_unique<QuantileSketch>();
  }
  if (shape->sketches.distinct) distinct_ = std::make_unique<DistinctSketch>();
}

void Summary::CountNumbers(std::span<const double> values, const uint64_t* nulls, RowRange range,
                           EveryRow) {
  FAULTLINE_CHECK(shape_->type == SignalType::kNumeric, "columns are typed before counting");
  FAULTLINE_CHECK(range.end <= values.size(), "ranges are cut from the batch");
  const uint32_t count = range.end - range.begin;
  if (count < kTableRowsMin) {
    CountFewNumbers(values, nulls, range);
    return;
  }
  rows_ += count;
  const CountingKernel& kernel = BestCountingKernel();
  const BoundaryTable table(*shape_);
  std::array<uint32_t, BoundaryTable::kSlots + 1> hits{};
  std::array<double, kBlockRows> usable;
  for (uint32_t begin = range.begin; begin < range.end; begin += kBlockRows) {
    const RowRange block = {begin, std::min(begin + kBlockRows, range.end)};
    const double* from = values.data() + begin;
    uint32_t used = block.end - block.begin;
    if ((nulls != nullptr && AnySet(nulls, block)) || !kernel.all_finite(from, used)) {
      used = KeepUsable(values, nulls, block, usable.data());
      from = usable.data();
    }
    CountUsable(kernel, table, {from, used}, hits.data());
  }
  for (uint32_t i = 0; i < hits.size(); ++i) cells_[table.cell[i]] += hits[i];
}

void Summary::CountNumbers(std::span<const double> values, const uint64_t* nulls, RowRange range,
                           const SelectedRows& selection) {
  FAULTLINE_CHECK(range.end <= values.size(), "ranges are cut from the batch");
  CountPacked(values, nulls, range, selection,
              [&](std::span<const double> packed, const uint64_t* packed_nulls, RowRange rows) {
                CountNumbers(packed, packed_nulls, rows);
              });
}

// Counts the missing and invalid rows of a block and copies the values of the others to `usable`.
uint32_t Summary::KeepUsable(std::span<const double> values, const uint64_t* nulls, RowRange block,
                             double* usable) {
  uint32_t used = 0;
  for (uint32_t row = block.begin; row < block.end; ++row) {
    const bool missing = nulls != nullptr && IsSet(nulls, row);
    const bool finite = std::isfinite(values[row]);
    cells_[cells_.size() - 2] += missing;
    cells_[cells_.size() - 1] += !missing && !finite;
    usable[used] = values[row];
    used += !missing && finite;
  }
  return used;
}

void Summary::CountUsable(const CountingKernel& kernel, const BoundaryTable& table,
                          std::span<const double> values, uint32_t* hits) {
  // Split where the sub-sums break, so that they depend on value ordinals alone.
  for (std::span<const double> rest = values; !rest.empty();) {
    const uint32_t take = std::min<uint32_t>(static_cast<uint32_t>(rest.size()), sub_sums_.room());
    RunTotals totals{.least = least_, .largest = largest_};
    kernel.count(table, rest.data(), take, hits, &totals);
    AddTotals(take, totals);
    rest = rest.subspan(take);
  }
  AddToSketches(values);
}

void Summary::AddTotals(uint32_t count, const RunTotals& totals) {
  moments_.count += count;
  moments_.sum += totals.sum;
  moments_.sum_of_squares += totals.sum_of_squares;
  sub_sums_.Add(count, totals.sum, totals.sum_of_squares);
  least_ = totals.least + 0.0;  // -0 becomes 0, or the result would depend on which came first
  largest_ = totals.largest + 0.0;
}

void Summary::AddToSketches(std::span<const double> values) {
  if (quantiles_ != nullptr) {
    for (const double value : values) quantiles_->Add(value + 0.0);
  }
  if (distinct_ != nullptr) {
    for (const double value : values) distinct_->Add(HashOf(value));
  }
}

void Summary::CountFewNumbers(std::span<const double> values, const uint64_t* nulls,
                              RowRange range) {
  rows_ += range.end - range.begin;
  std::array<double, kTableRowsMin> usable;
  const uint32_t used = KeepUsable(values, nulls, range, usable.data());
  for (uint32_t i = 0; i < used; ++i) {
    const double value = usable[i];
    ++cells_[CellOf(*shape_, value)];
    const int64_t q = FixedPoint(value, shape_->center, shape_->scale);
    AddTotals(1, {q, q * q, std::min(least_, value), std::max(largest_, value)});
  }
  AddToSketches({usable.data(), used});
}

void Summary::CountCategories(std::span<const uint32_t> codes, const CategoryMap& map,
                              const uint64_t* nulls, RowRange range, EveryRow) {
  FAULTLINE_CHECK(shape_->type == SignalType::kCategorical, "columns are typed before counting");
  FAULTLINE_CHECK(range.end <= codes.size(), "ranges are cut from the batch");
  const uint32_t unseen = static_cast<uint32_t>(shape_->categories.size()) + 1;
  rows_ += range.end - range.begin;
  for (uint32_t row = range.begin; row < range.end; ++row) {
    if (nulls != nullptr && IsSet(nulls, row)) {
      ++cells_[unseen + 1];
      continue;
    }
    const uint32_t code = codes[row];
    const uint32_t cell = map.cells()[code];
    ++cells_[cell];
    if (cell == unseen) unseen_top_.Add(map.hashes()[code], map.dictionary()[code]);
    if (distinct_ != nullptr) distinct_->Add(map.hashes()[code]);
  }
}

void Summary::CountCategories(std::span<const uint32_t> codes, const CategoryMap& map,
                              const uint64_t* nulls, RowRange range,
                              const SelectedRows& selection) {
  FAULTLINE_CHECK(range.end <= codes.size(), "ranges are cut from the batch");
  CountPacked(codes, nulls, range, selection,
              [&](std::span<const uint32_t> packed, const uint64_t* packed_nulls, RowRange rows) {
                CountCategories(packed, map, packed_nulls, rows);
              });
}

void Summary::CountMissing(uint64_t rows) {
  rows_ += rows;
  cells_[cells_.size() - 2] += rows;
}

void Summary::Merge(const Summary& other) {
  FAULTLINE_CHECK(cells_.size() == other.cells_.size(), "only summaries of one shape merge");
  rows_ += other.rows_;
  for (size_t i = 0; i < cells_.size(); ++i) cells_[i] += other.cells_[i];
  moments_.Merge(other.moments_);
  MergeSketches(other);
}

void Summary::MergeInto(const Summary& other, std::span<const uint32_t> cell_of) {
  FAULTLINE_CHECK(cell_of.size() == other.cells_.size(), "ShapeOfPanes maps every cell");
  rows_ += other.rows_;
  for (size_t i = 0; i < cell_of.size(); ++i) cells_[cell_of[i]] += other.cells_[i];
  moments_.Merge(other.moments_);
  MergeSketches(other);
}

Shape ShapeOfPanes(const Shape& before, const Summary& panes, uint32_t version,
                   std::vector<uint32_t>* cell_of) {
  Shape shape = before;
  shape.version = version;
  const std::span<const uint64_t> cells = panes.cells();
  cell_of->resize(cells.size());
  std::iota(cell_of->begin(), cell_of->end(), 0u);
  if (shape.type == SignalType::kCategorical || panes.values() == 0) return shape;
  shape.low = panes.least();
  shape.high = panes.largest();
  shape.boundaries = {shape.low};
  const uint32_t bins = before.bins();
  uint64_t open = panes.under();
  uint64_t left = panes.values() - open;
  for (uint32_t bin = 0; bin < bins; ++bin) {
    const double boundary = before.boundaries[bin];
    const bool inside = bin > 0 && boundary > shape.low && boundary < shape.high;
    if (inside && std::min(open, left) >= kBinRowsAim) {
      shape.boundaries.push_back(boundary);
      open = 0;
    }
    (*cell_of)[bin] = static_cast<uint32_t>(shape.boundaries.size()) - 1;
    open += cells[bin];
    left -= cells[bin];
  }
  shape.boundaries.push_back(shape.high);
  const uint32_t made = shape.bins();
  (*cell_of)[bins] = 0;             // under
  (*cell_of)[bins + 1] = made - 1;  // over
  (*cell_of)[bins + 2] = made + 2;  // missing
  (*cell_of)[bins + 3] = made + 3;  // invalid
  return shape;
}

void Summary::Subtract(const Summary& other) {
  FAULTLINE_CHECK(cells_.size() == other.cells_.size(), "only summaries of one shape subtract");
  rows_ -= other.rows_;
  for (size_t i = 0; i < cells_.size(); ++i) cells_[i] -= other.cells_[i];
  moments_.Subtract(other.moments_);
}

void Summary::ClearSketches() {
  least_ = kInfinity;
  largest_ = -kInfinity;
  if (quantiles_ != nullptr) quantiles_->Clear();
  if (distinct_ != nullptr) distinct_->Clear();
  unseen_top_.Clear();
}

void Summary::MergeSketches(const Summary& other) {
  least_ = std::min(least_, other.least_);
  largest_ = std::max(largest_, other.largest_);
  if (quantiles_ != nullptr) quantiles_->Merge(*other.quantiles_);
  if (distinct_ != nullptr) distinct_->Merge(*other.distinct_);
  unseen_top_.Merge(other.unseen_top_);
}

void Summary::Clear() {
  rows_ = 0;
  std::fill(cells_.begin(), cells_.end(), 0);
  moments_ = Moments();
  sub_sums_.Clear();
  ClearSketches();
}

double Summary::mean() const { return shape_->center + shape_->scale * moments_.mean(); }

double Summary::variance() const { return shape_->scale * shape_->scale * moments_.variance(); }

size_t Summary::memory_bytes() const {
  size_t bytes = sizeof *this + cells_.capacity() * sizeof(uint64_t) + sub_sums_.memory_bytes() +
                 unseen_top_.memory_bytes();
  if (quantiles_ != nullptr) bytes += sizeof *quantiles_ + quantiles_->memory_bytes();
  if (distinct_ != nullptr) bytes += sizeof *distinct_ + distinct_->memory_bytes();
  return bytes;
}

}  // namespace faultline
