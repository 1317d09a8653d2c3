#include "detectors/summary/distinct.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

namespace faultline {
namespace {

constexpr uint32_t kIndexBits = 12;
constexpr uint32_t kRankMax = 64 - kIndexBits + 1;
constexpr size_t kSparseMax = 512;
// With more set registers, the packed encoding is shorter.
constexpr uint32_t kSparseEncodedMax = 1536;

double Sigma(double x) {
  if (x == 1.0) return std::numeric_limits<double>::infinity();
  double y = 1;
  double z = x;
  for (double before = -1; z != before;) {
    x *= x;
    before = z;
    z += x * y;
    y += y;
  }
  return z;
}

double Tau(double x) {
  if (x == 0.0 || x == 1.0) return 0;
  double y = 1;
  double z = 1 - x;
  for (double before = -1; z != before;) {
    x = std::sqrt(x);
    before = z;
    y *= 0.5;
    z -= (1 - x) * (1 - x) * y;
  }
  return z / 3;
}

}  // namespace

void DistinctSketch::Add(uint64_t hash) {
  const uint64_t rest = hash << kIndexBits;
  const uint32_t rank = rest == 0 ? kRankMax : static_cast<uint32_t>(std::countl_zero(rest)) + 1;
  Raise(static_cast<uint32_t>(hash >> (64 - kIndexBits)), static_cast<uint8_t>(rank));
}

void DistinctSketch::Raise(uint32_t index, uint8_t rank) {
  if (!dense_.empty()) {
    dense_[index] = std::max(dense_[index], rank);
    return;
  }
  const auto at = std::lower_bound(sparse_.begin(), sparse_.end(), index << 8);
  if (at != sparse_.end() && *at >> 8 == index) {
    *at = std::max(*at, index << 8 | rank);
    return;
  }
  sparse_.insert(at, index << 8 | rank);
  if (sparse_.size() <= kSparseMax) return;
  dense_.assign(kRegisters, 0);
  for (const uint32_t entry : sparse_) dense_[entry >> 8] = static_cast<uint8_t>(entry);
  sparse_ = {};
}

void DistinctSketch::Merge(const DistinctSketch& other) {
  for (const uint32_t entry : other.sparse_) Raise(entry >> 8, static_cast<uint8_t>(entry));
  for (uint32_t i = 0; i < other.dense_.size(); ++i) {
    if (other.dense_[i] > 0) Raise(i, other.dense_[i]);
  }
}

void DistinctSketch::Clear() {
  sparse_.clear();
  dense_.clear();
}

uint32_t DistinctSketch::set_registers() const {
  const auto unset = std::count(dense_.begin(), dense_.end(), uint8_t{0});
  return static_cast<uint32_t>(sparse_.size() + dense_.size()) - static_cast<uint32_t>(unset);
}

double DistinctSketch::Estimate() const {
  std::array<uint32_t, kRankMax + 1> ranks{};
  for (const uint32_t entry : sparse_) ++ranks[entry & 0xff];
  for (const uint8_t rank : dense_) ranks[rank] += rank > 0;
  ranks[0] = kRegisters - set_registers();
  constexpr double kCount = kRegisters;
  constexpr double kTwiceLn2 = 1.3862943611198906;
  double z = kCount * Tau(1 - ranks[kRankMax] / kCount);
  for (uint32_t rank = kRankMax - 1; rank >= 1; --rank) z = 0.5 * (z + ranks[rank]);
  z += kCount * Sigma(ranks[0] / kCount);
  return kCount * kCount / kTwiceLn2 / z;
}

void DistinctSketch::Encode(Encoder& encoder) const {
  const uint32_t count = set_registers();
  encoder.Varint(count);
  if (count > kSparseEncodedMax) {
    for (uint32_t i = 0; i < kRegisters; i += 4) {
      uint32_t packed = 0;
      for (uint32_t k = 0; k < 4; ++k) packed |= uint32_t{dense_[i + k]} << (6 * k);
      encoder.Raw(&packed, 3);
    }
    return;
  }
  // Distance from the previous register, and rank: mostly one or two bytes.
  uint32_t before = 0;
  const auto put = [&](uint32_t index, uint32_t rank) {
    encoder.Varint((index - before) << 6 | rank);
    before = index;
  };
  for (const uint32_t entry : sparse_) put(entry >> 8, entry & 0xff);
  for (uint32_t i = 0; i < dense_.size(); ++i) {
    if (dense_[i] > 0) put(i, dense_[i]);
  }
}

bool DistinctSketch::Decode(Decoder& decoder) {
  Clear();
  const uint64_t count = decoder.Varint();
  bool good = decoder.ok() && count <= kRegisters;
  if (good && count > kSparseEncodedMax) {
    dense_.assign(kRegisters, 0);
    for (uint32_t i = 0; i < kRegisters; ++i) {
      // Three bytes hold four registers; read byte-wise so that a short input fails cleanly.
      if (i % 4 == 0) {
        uint32_t packed = 0;
        for (uint32_t k = 0; k < 3; ++k) packed |= uint32_t{decoder.Fixed8()} << (8 * k);
        for (uint32_t k = 0; k < 4; ++k) dense_[i + k] = packed >> (6 * k) & 63;
      }
      good = good && dense_[i] <= kRankMax;
    }
    good = good && decoder.ok() && set_registers() == count;
  } else if (good) {
    good = DecodeSparse(decoder, count);
  }
  if (good) return true;
  Clear();
  decoder.Fail();
  return false;
}

bool DistinctSketch::DecodeSparse(Decoder& decoder, uint64_t count) {
  uint64_t index = 0;
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t entry = decoder.Varint();
    const uint64_t rank = entry & 63;
    index += entry >> 6;
    if (!decoder.ok() || index >= kRegisters || rank == 0 || rank > kRankMax) return false;
    if (i > 0 && entry >> 6 == 0) return false;
    Raise(static_cast<uint32_t>(index), static_cast<uint8_t>(rank));
  }
  return true;
}

size_t DistinctSketch::memory_bytes() const {
  return sparse_.capacity() * sizeof(uint32_t) + dense_.capacity();
}

}  // namespace faultline
