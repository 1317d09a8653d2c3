#include "detectors/summary/quantiles.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace faultline {
namespace {

constexpr uint32_t kTopCapacity = 128;
constexpr uint32_t kLevelCapacityMin = 8;
constexpr uint64_t kCountMax = uint64_t{1} << 47;

}  // namespace

uint32_t QuantileSketch::Capacity(size_t level) const {
  // Two thirds of the level above, in integers.
  uint64_t capacity = kTopCapacity;
  for (size_t above = level + 1; above < levels_.size(); ++above) capacity = capacity * 2 / 3;
  return std::max(static_cast<uint32_t>(capacity), kLevelCapacityMin);
}

uint32_t QuantileSketch::Room() const {
  uint32_t room = 0;
  for (size_t i = 0; i < levels_.size(); ++i) room += Capacity(i);
  return room;
}

uint32_t QuantileSketch::Kept() const {
  size_t kept = 0;
  for (const Level& level : levels_) kept += level.values.size();
  return static_cast<uint32_t>(kept);
}

void QuantileSketch::Add(double value) {
  ++count_;
  if (free_ == 0) Compress();
  --free_;
  levels_[0].values.push_back(value);
}

void QuantileSketch::Merge(const QuantileSketch& other) {
  if (levels_.size() < other.levels_.size()) levels_.resize(other.levels_.size());
  for (size_t i = 0; i < other.levels_.size(); ++i) {
    const std::vector<double>& values = other.levels_[i].values;
    levels_[i].values.insert(levels_[i].values.end(), values.begin(), values.end());
  }
  count_ += other.count_;
  error_bound_ += other.error_bound_;
  if (count_ > 0) Compress();
}

void QuantileSketch::Clear() {
  levels_.clear();
  free_ = 0;
  count_ = 0;
  error_bound_ = 0;
}

// Makes room for at least one value, lowest levels first because their values weigh least.
void QuantileSketch::Compress() {
  if (levels_.empty()) levels_.emplace_back();
  uint32_t kept = Kept();
  uint32_t room = Room();
  // Terminates: while the sketch is full, some level is at capacity, and compacting it halves it.
  for (size_t i = 0; kept >= room; i = i + 1 < levels_.size() ? i + 1 : 0) {
    if (levels_[i].values.size() < Capacity(i)) continue;
    Compact(i);
    kept = Kept();
    room = Room();
  }
  free_ = room - kept;
}

void QuantileSketch::Compact(size_t index) {
  if (index + 1 == levels_.size()) levels_.emplace_back();
  Level& level = levels_[index];
  std::vector<double>& above = levels_[index + 1].values;
  std::sort(level.values.begin(), level.values.end());
  // With an odd number of values the largest stays, so that weights still add up to count.
  const size_t pairs = level.values.size() / 2;
  for (size_t i = 0; i < pairs; ++i) above.push_back(level.values[2 * i + level.keep_odd]);
  level.values.erase(level.values.begin(),
                     level.values.begin() + static_cast<std::ptrdiff_t>(2 * pairs));
  level.keep_odd = !level.keep_odd;
  // A level's capacity shrinks as levels are added above it. Level 0 takes what is free.
  if (index > 0 && level.values.capacity() > 2 * Capacity(index) + 16) {
    level.values.shrink_to_fit();
  }
  error_bound_ += uint64_t{1} << index;
}

std::vector<std::pair<double, uint64_t>> QuantileSketch::Weighted() const {
  std::vector<std::pair<double, uint64_t>> weighted;
  weighted.reserve(Kept());
  for (size_t i = 0; i < levels_.size(); ++i) {
    for (const double value : levels_[i].values) weighted.emplace_back(value, uint64_t{1} << i);
  }
  std::sort(weighted.begin(), weighted.end());
  return weighted;
}

double QuantileSketch::Quantile(double q) const {
  if (count_ == 0) return std::numeric_limits<double>::quiet_NaN();
  const double target = std::clamp(q, 0.0, 1.0) * static_cast<double>(count_);
  uint64_t below = 0;
  double found = 0;
  for (const auto& [value, weight] : Weighted()) {
    found = value;
    below += weight;
    if (static_cast<double>(below) >= target) break;
  }
  return found;
}

double QuantileSketch::Rank(double value) const {
  if (count_ == 0) return std::numeric_limits<double>::quiet_NaN();
  uint64_t below = 0;
  for (size_t i = 0; i < levels_.size(); ++i) {
    for (const double kept : levels_[i].values) below += kept <= value ? uint64_t{1} << i : 0;
  }
  return static_cast<double>(below) / static_cast<double>(count_);
}

void QuantileSketch::Encode(Encoder& encoder) const {
  encoder.Varint(levels_.size());
  encoder.Varint(error_bound_);
  for (const Level& level : levels_) {
    encoder.Varint(level.values.size() * 2 + (level.keep_odd ? 1 : 0));
    std::vector<double> sorted = level.values;
    std::sort(sorted.begin(), sorted.end());
    for (const double value : sorted) encoder.Double(value);
  }
}

bool QuantileSketch::Decode(Decoder& decoder) {
  Clear();
  if (DecodeLevels(decoder)) return true;
  Clear();
  decoder.Fail();
  return false;
}

bool QuantileSketch::DecodeLevels(Decoder& decoder) {
  const uint64_t levels = decoder.Varint();
  error_bound_ = decoder.Varint();
  if (!decoder.ok() || levels > kLevelsMax || error_bound_ > kCountMax) return false;
  for (uint64_t i = 0; i < levels; ++i) {
    const uint64_t head = decoder.Varint();
    if (!decoder.ok() || head / 2 > kItemsMax) return false;
    Level level;
    level.keep_odd = (head & 1) != 0;
    for (uint64_t k = 0; k < head / 2; ++k) {
      level.values.push_back(decoder.Double());
      if (!decoder.ok() || !std::isfinite(level.values.back())) return false;
    }
    count_ += (head / 2) << i;
    if (count_ > kCountMax) return false;
    levels_.push_back(std::move(level));
  }
  if (levels > 0 && (levels_.back().values.empty() || Kept() > Room())) return false;
  free_ = Room() - Kept();
  return true;
}

size_t QuantileSketch::memory_bytes() const {
  size_t bytes = levels_.capacity() * sizeof(Level);
  for (const Level& level : levels_) bytes += level.values.capacity() * sizeof(double);
  return bytes;
}

}  // namespace faultline
