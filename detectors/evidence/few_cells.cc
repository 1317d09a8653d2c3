#include "detectors/evidence/few_cells.h"

#include <algorithm>

namespace faultline {
namespace {

constexpr uint32_t kBins = 10;
constexpr uint32_t kCategories = 13;

}  // namespace

double SeenOnce(const Summary& reference) {
  const Shape& shape = reference.shape();
  uint64_t once = 0;
  for (size_t i = 0; i < shape.categories.size(); ++i) once += reference.cells()[i] == 1;
  once += std::min<uint64_t>(shape.other_hashes.size(), reference.other());
  // A reference made from panes had these categories, without their names.
  once += reference.unseen();
  return static_cast<double>(once);
}

FewCells::FewCells(const Summary& reference)
    : numeric_(reference.shape().type == SignalType::kNumeric) {
  const std::span<const uint64_t> cells = reference.cells();
  joined_ = static_cast<uint32_t>(cells.size()) - 4;
  if (!numeric_) {
    for (uint32_t i = 0; i < std::min(joined_, kCategories); ++i) ends_[size_++] = i + 1;
    size_ += 2;  // rest, unseen
    rare_ = SeenOnce(reference) > 0;
    return;
  }
  const uint64_t total = reference.values() - reference.under() - reference.over();
  uint64_t below = 0;
  uint64_t next = 1;
  for (uint32_t i = 0; i < joined_; ++i) {
    below += cells[i];
    if (i + 1 < joined_ && below * kBins < next * total) continue;
    ends_[size_++] = i + 1;
    if (total > 0) next = below * kBins / total + 1;
  }
  size_ += 2;  // under, over
}

FewCells::Counts FewCells::Join(const Summary& summary) const {
  Counts counts{};
  const std::span<const uint64_t> cells = summary.cells();
  uint32_t at = 0;
  for (uint32_t group = 0; group + 2 < size_; ++group) {
    for (; at < ends_[group]; ++at) counts[group] += cells[at];
  }
  if (numeric_) {
    counts[size_ - 2] = summary.under();
    counts[size_ - 1] = summary.over();
    return counts;
  }
  for (; at < joined_; ++at) counts[size_ - 2] += cells[at];
  counts[size_ - 2] += summary.other();
  counts[rare_ ? size_ - 2 : size_ - 1] += summary.unseen();
  return counts;
}

}  // namespace faultline
