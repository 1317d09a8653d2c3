#include "detectors/stats/sliding_ks.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "base/check.h"

namespace faultline {

SlidingKolmogorovSmirnov::SlidingKolmogorovSmirnov(std::span<const double> reference,
                                                   uint32_t window)
    : window_(window), reference_rows_(reference.size()) {
  FAULTLINE_CHECK(window > 0 && !reference.empty(), "a promise of the caller");
  FAULTLINE_CHECK(reference.size() < std::numeric_limits<int32_t>::max() / window,
                  "a promise of the caller");
  std::vector<double> sorted(reference.begin(), reference.end());
  std::sort(sorted.begin(), sorted.end());
  std::vector<int32_t> steps;
  for (size_t i = 0; i < sorted.size(); ++i) {
    if (i == 0 || sorted[i] != sorted[i - 1]) {
      reference_.push_back(sorted[i]);
      steps.push_back(0);
    }
    steps.back() += static_cast<int32_t>(window);
  }
  leaves_ = std::bit_ceil(static_cast<uint32_t>(reference_.size()));
  nodes_.resize(size_t{2} * leaves_);
  for (size_t i = 0; i < steps.size(); ++i) nodes_[leaves_ + i] = {steps[i], steps[i], steps[i]};
  for (uint32_t i = leaves_; i-- > 1;) {
    const Node& left = nodes_[2 * i];
    const Node& right = nodes_[2 * i + 1];
    nodes_[i] = {left.sum + right.sum, std::max(left.most, left.sum + right.most),
                 std::min(left.least, left.sum + right.least)};
  }
  ring_.resize(window);
}

uint32_t SlidingKolmogorovSmirnov::Place(double value) const {
  // Number of reference values <= value, without a branch.
  const double* base = reference_.data();
  size_t length = reference_.size();
  while (length > 1) {
    const size_t half = length / 2;
    base += base[half - 1] <= value ? half : 0;
    length -= half;
  }
  const auto at = static_cast<uint32_t>(base - reference_.data()) + (*base <= value ? 1 : 0);
  if (at == 0) return 0;
  return 2 * at - (reference_[at - 1] == value ? 1 : 0);
}

void SlidingKolmogorovSmirnov::Add(uint32_t place, int32_t steps) {
  if (place == 0) {
    below_ += steps;
    return;
  }
  uint32_t i = leaves_ + (place - 1) / 2;
  Node* node = &nodes_[i];
  node->sum += steps;
  node->least += steps;
  // On the reference value itself the step is inside the leaf's first prefix.
  if (place % 2 == 1) node->most += steps;
  Node here = *node;
  while (i > 1) {
    // If this is the right child, its sibling is on the left: swap them, by masks because a branch
    // would be unpredictable.
    const Node there = nodes_[i ^ 1];
    const auto right = -static_cast<int32_t>(i & 1);
    const int32_t sums = (here.sum ^ there.sum) & right;
    const int32_t mosts = (here.most ^ there.most) & right;
    const int32_t leasts = (here.least ^ there.least) & right;
    const int32_t before = here.sum ^ sums;
    here = {here.sum + there.sum, std::max(here.most ^ mosts, before + (there.most ^ mosts)),
            std::min(here.least ^ leasts, before + (there.least ^ leasts))};
    i /= 2;
    nodes_[i] = here;
  }
}

void SlidingKolmogorovSmirnov::Push(double value) {
  const auto step = static_cast<int32_t>(reference_rows_);
  Entry& entry = ring_[next_];
  if (full()) {
    Add(entry.place, step);
  } else {
    ++filled_;
  }
  entry = {value, Place(value)};
  Add(entry.place, -step);
  if (++next_ == window_) next_ = 0;
}

void SlidingKolmogorovSmirnov::Push(std::span<const double> values) {
  for (const double value : values) Push(value);
}

uint64_t SlidingKolmogorovSmirnov::Steps() const {
  if (!full()) return 0;
  // After the last reference value F - G ends at 0, so padding leaves have no effect.
  const int64_t most =
      std::max<int64_t>({std::abs(int64_t{below_}), std::abs(int64_t{below_} + nodes_[1].most),
                         std::abs(int64_t{below_} + nodes_[1].least)});
  return static_cast<uint64_t>(most);
}

double SlidingKolmogorovSmirnov::Distance() const {
  if (!full()) return std::numeric_limits<double>::quiet_NaN();
  return static_cast<double>(Steps()) / static_cast<double>(reference_rows_) /
         static_cast<double>(window_);
}

size_t SlidingKolmogorovSmirnov::memory_bytes() const {
  return sizeof *this + reference_.capacity() * sizeof(double) + nodes_.capacity() * sizeof(Node) +
         ring_.capacity() * sizeof(Entry);
}

std::vector<double> SlidingKolmogorovSmirnov::Window() const {
  std::vector<double> values;
  for (uint32_t i = 0; i < filled_; ++i) {
    values.push_back(ring_[(next_ + window_ - filled_ + i) % window_].value);
  }
  return values;
}

}  // namespace faultline
