#include "detectors/evidence/dispersion.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "detectors/evidence/few_cells.h"

namespace faultline {
namespace {

constexpr uint32_t kBlockRows = 32;
constexpr uint32_t kBlocksMin = 16;
constexpr double kPlainErrors = 2.5;

// 1 unless the ratio is significantly larger.
double Judged(double dispersion, double freedom) {
  const double error = std::sqrt(2 / freedom);
  return dispersion > 1 + kPlainErrors * error ? dispersion * (1 + error) : 1;
}

// The counts of one block of rows.
struct Block {
  FewCells::Counts cells{};
  uint64_t missing = 0;
  uint64_t invalid = 0;
  uint64_t rows = 0;

  void Merge(const Block& other) {
    for (uint32_t i = 0; i < FewCells::kMax; ++i) cells[i] += other.cells[i];
    missing += other.missing;
    invalid += other.invalid;
    rows += other.rows;
  }
};

// Joins neighbouring blocks; drops an odd last one.
void Halve(std::vector<Block>* blocks) {
  const size_t half = blocks->size() / 2;
  for (size_t i = 0; i < half; ++i) {
    Block joined = (*blocks)[2 * i];
    joined.Merge((*blocks)[2 * i + 1]);
    (*blocks)[i] = joined;
  }
  blocks->resize(half);
}

double Pearson(std::span<const uint64_t> counts, std::span<const double> shares, double rows) {
  double sum = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    if (!(shares[i] > 0)) continue;
    const double off = static_cast<double>(counts[i]) - rows * shares[i];
    sum += off * off / (rows * shares[i]);
  }
  return sum;
}

// Mean of Pearson's statistic over its degrees of freedom, as Judged.
template <typename CountsOf>
double DispersionOfShares(std::span<const Block> blocks, size_t cells, const CountsOf& counts_of) {
  std::vector<double> shares(cells);
  double total = 0;
  for (const Block& block : blocks) {
    const auto counts = counts_of(block);
    for (size_t i = 0; i < cells; ++i) {
      shares[i] += static_cast<double>(counts[i]);
      total += static_cast<double>(counts[i]);
    }
  }
  if (!(total > 0)) return 1;
  double used = 0;
  for (double& share : shares) {
    share /= total;
    used += share > 0;
  }
  if (used < 2) return 1;
  double sum = 0;
  double count = 0;
  for (const Block& block : blocks) {
    const auto counts = counts_of(block);
    double rows = 0;
    for (size_t i = 0; i < cells; ++i) rows += static_cast<double>(counts[i]);
    if (!(rows > 0)) continue;
    sum += Pearson({counts.data(), cells}, shares, rows);
    count += 1;
  }
  const double freedom = (count - 1) * (used - 1);
  return freedom > 0 ? Judged(sum / freedom, freedom) : 1;
}

void Learn(std::vector<Block> blocks, uint32_t cells, ReferenceLaw* law) {
  using Two = std::array<uint64_t, 2>;
  for (; blocks.size() >= kBlocksMin; Halve(&blocks)) {
    const auto raise = [](double by, double* to) { *to = std::max(*to, by); };
    raise(DispersionOfShares(blocks, cells, [](const Block& block) { return block.cells; }),
          &law->cell_dispersion);
    raise(DispersionOfShares(blocks, 2,
                             [](const Block& block) {
                               return Two{block.missing, block.rows - block.missing};
                             }),
          &law->missing_dispersion);
    raise(
        DispersionOfShares(blocks, 2,
                           [](const Block& block) {
                             return Two{block.invalid, block.rows - block.missing - block.invalid};
                           }),
        &law->invalid_dispersion);
  }
}

// Full blocks of rows, each counted by `count`.
template <typename Count>
std::vector<Block> CutIntoBlocks(const Summary& reference, size_t rows, const Count& count) {
  const FewCells few(reference);
  std::vector<Block> blocks;
  Summary summary(&reference.shape());
  for (uint32_t begin = 0; begin + kBlockRows <= rows; begin += kBlockRows) {
    summary.Clear();
    count(RowRange{begin, begin + kBlockRows}, &summary);
    blocks.push_back({few.Join(summary), summary.missing(), summary.invalid(), summary.rows()});
  }
  return blocks;
}

}  // namespace

double DispersionOfMeans(std::span<const double> values) {
  const double n = static_cast<double>(values.size());
  double mean = 0;
  for (const double value : values) mean += value / n;
  double variance = 0;
  for (const double value : values) variance += (value - mean) * (value - mean) / n;
  if (!(variance > 0)) return 1;
  double largest = 1;
  for (size_t length = kBlockRows; values.size() / length >= kBlocksMin; length *= 2) {
    const size_t blocks = values.size() / length;
    double between = 0;
    for (size_t block = 0; block < blocks; ++block) {
      double sum = 0;
      for (size_t i = 0; i < length; ++i) sum += values[block * length + i] - mean;
      between += sum * sum / static_cast<double>(length);
    }
    const double freedom = static_cast<double>(blocks) - 1;
    largest = std::max(largest, Judged(between / freedom / variance, freedom));
  }
  return largest;
}

void LearnCellDispersions(const Summary& reference, std::span<const double> values,
                          const uint64_t* nulls, ReferenceLaw* law) {
  Learn(CutIntoBlocks(
            reference, values.size(),
            [&](RowRange range, Summary* summary) { summary->CountNumbers(values, nulls, range); }),
        FewCells(reference).size(), law);
}

void LearnCellDispersions(const Summary& reference, std::span<const uint32_t> codes,
                          const CategoryMap& map, const uint64_t* nulls, ReferenceLaw* law) {
  Learn(CutIntoBlocks(reference, codes.size(),
                      [&](RowRange range, Summary* summary) {
                        summary->CountCategories(codes, map, nulls, range);
                      }),
        FewCells(reference).size(), law);
}

}  // namespace faultline
