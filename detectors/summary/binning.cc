#include "detectors/summary/binning.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "detectors/summary/moments.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace faultline {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// Adding it to |x| < 2^31 leaves x rounded half to even in the low bits.
constexpr double kRounder = 6755399441055744.0;  // 1.5 * 2^52
constexpr uint64_t kExponent = 0x7ff0'0000'0000'0000;

bool AllFinitePortable(const double* values, uint32_t count) {
  bool bad = false;
  for (uint32_t i = 0; i < count; ++i) {
    bad |= (std::bit_cast<uint64_t>(values[i]) & kExponent) == kExponent;
  }
  return !bad;
}

// Adds comparisons up as integers: a condition here would compile to an unpredictable jump.
uint32_t BoundariesUpTo(const BoundaryTable& table, double value) {
  uint32_t group = 0;
  for (uint32_t k = 0; k < 8; ++k) group += table.group_last[k] <= value ? 1 : 0;
  const double* boundaries = table.boundaries.data() + 8 * group;
  uint32_t inside = 0;
  for (uint32_t k = 0; k < 8; ++k) inside += boundaries[k] <= value ? 1 : 0;
  return 8 * group + inside;
}

void CountPortable(const BoundaryTable& table, const double* values, uint32_t count, uint32_t* hits,
                   RunTotals* totals) {
  for (uint32_t i = 0; i < count; ++i) {
    const double value = values[i];
    ++hits[BoundariesUpTo(table, value)];
    const int64_t q = FixedPoint(value, table.center, table.scale);
    totals->sum += q;
    totals->sum_of_squares += q * q;
    totals->least = value < totals->least ? value : totals->least;
    totals->largest = value > totals->largest ? value : totals->largest;
  }
}

#if defined(__x86_64__)

#define FAULTLINE_AVX2 __attribute__((target("avx2,popcnt")))

FAULTLINE_AVX2 bool AllFiniteAvx2(const double* values, uint32_t count) {
  const __m256i exponent = _mm256_set1_epi64x(static_cast<int64_t>(kExponent));
  __m256i bad = _mm256_setzero_si256();
  uint32_t i = 0;
  for (; i + 4 <= count; i += 4) {
    const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(values + i));
    bad = _mm256_or_si256(bad, _mm256_cmpeq_epi64(_mm256_and_si256(bits, exponent), exponent));
  }
  return _mm256_testz_si256(bad, bad) != 0 && AllFinitePortable(values + i, count - i);
}

// How many of eight ascending boundaries are <= value.
FAULTLINE_AVX2 inline uint32_t CountUpTo(__m256d low, __m256d high, __m256d value) {
  const int from_low = _mm256_movemask_pd(_mm256_cmp_pd(low, value, _CMP_LE_OQ));
  const int from_high = _mm256_movemask_pd(_mm256_cmp_pd(high, value, _CMP_LE_OQ));
  return static_cast<uint32_t>(_mm_popcnt_u32(static_cast<unsigned>(from_low | from_high << 4)));
}

FAULTLINE_AVX2 inline int64_t AddLanes(__m256i lanes) {
  const __m128i halves =
      _mm_add_epi64(_mm256_castsi256_si128(lanes), _mm256_extracti128_si256(lanes, 1));
  return _mm_cvtsi128_si64(halves) + _mm_extract_epi64(halves, 1);
}

FAULTLINE_AVX2 void SumAvx2(const BoundaryTable& table, const double* values, uint32_t count,
                            RunTotals* totals) {
  const __m256d center = _mm256_set1_pd(table.center);
  const __m256d scale = _mm256_set1_pd(table.scale);
  const __m256d clip = _mm256_set1_pd(kClip);
  const __m256d minus_clip = _mm256_set1_pd(-kClip);
  const __m256d unit = _mm256_set1_pd(kUnit);
  __m256d least = _mm256_set1_pd(totals->least);
  __m256d largest = _mm256_set1_pd(totals->largest);
  __m256i sum = _mm256_setzero_si256();
  __m256i squares = _mm256_setzero_si256();
  for (uint32_t i = 0; i < count; i += 4) {
    const __m256d value = _mm256_loadu_pd(values + i);
    least = _mm256_min_pd(value, least);
    largest = _mm256_max_pd(value, largest);
    __m256d z = _mm256_div_pd(_mm256_sub_pd(value, center), scale);
    z = _mm256_max_pd(_mm256_min_pd(z, clip), minus_clip);
    const __m256i q = _mm256_cvtepi32_epi64(_mm256_cvtpd_epi32(_mm256_mul_pd(z, unit)));
    sum = _mm256_add_epi64(sum, q);
    squares = _mm256_add_epi64(squares, _mm256_mul_epi32(q, q));
  }
  alignas(32) std::array<double, 4> lanes;
  _mm256_store_pd(lanes.data(), least);
  totals->least = *std::min_element(lanes.begin(), lanes.end());
  _mm256_store_pd(lanes.data(), largest);
  totals->largest = *std::max_element(lanes.begin(), lanes.end());
  totals->sum += AddLanes(sum);
  totals->sum_of_squares += AddLanes(squares);
}

FAULTLINE_AVX2 void CountAvx2(const BoundaryTable& table, const double* values, uint32_t count,
                              uint32_t* hits, RunTotals* totals) {
  const __m256d group_low = _mm256_load_pd(table.group_last.data());
  const __m256d group_high = _mm256_load_pd(table.group_last.data() + 4);
  const uint32_t whole = count & ~3u;
  for (uint32_t i = 0; i < whole; ++i) {
    const __m256d value = _mm256_broadcast_sd(values + i);
    const uint32_t group = CountUpTo(group_low, group_high, value);
    const double* boundaries = table.boundaries.data() + 8 * group;
    ++hits[8 * group +
           CountUpTo(_mm256_load_pd(boundaries), _mm256_load_pd(boundaries + 4), value)];
  }
  SumAvx2(table, values, whole, totals);
  CountPortable(table, values + whole, count - whole, hits, totals);
}

#endif

constexpr CountingKernel kKernels[] = {
    {"portable", AllFinitePortable, CountPortable},
#if defined(__x86_64__)
    {"avx2", AllFiniteAvx2, CountAvx2},
#endif
};

}  // namespace

BoundaryTable::BoundaryTable(const Shape& shape) : center(shape.center), scale(shape.scale) {
  boundaries.fill(kInfinity);
  const uint32_t bins = shape.bins();
  cell.fill(static_cast<uint8_t>(bins + 1));  // over
  if (bins > 0) {
    // A constant reference has the same boundary twice; the search needs it once.
    const uint32_t distinct = shape.constant() ? 1 : bins + 1;
    std::copy_n(shape.boundaries.begin(), distinct, boundaries.begin());
    boundaries[distinct] = std::nextafter(shape.boundaries.back(), kInfinity);
    cell[0] = static_cast<uint8_t>(bins);  // under
    for (uint32_t i = 1; i <= distinct; ++i) {
      cell[i] = static_cast<uint8_t>(std::min(i, bins) - 1);
    }
  }
  for (uint32_t k = 0; k < 8; ++k) group_last[k] = boundaries[8 * k + 7];
}

int32_t FixedPoint(double value, double center, double scale) {
  double z = (value - center) / scale;
  z = z < kClip ? z : kClip;
  z = z > -kClip ? z : -kClip;
  return static_cast<int32_t>(static_cast<uint32_t>(std::bit_cast<uint64_t>(z * kUnit + kRounder)));
}

std::span<const CountingKernel> CountingKernels() {
  static const std::span<const CountingKernel> kernels = [] {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt")) {
      return std::span<const CountingKernel>(kKernels);
    }
#endif
    return std::span<const CountingKernel>(kKernels).first(1);
  }();
  return kernels;
}

const CountingKernel& BestCountingKernel() {
  static const CountingKernel& best = CountingKernels().back();
  return best;
}

}  // namespace faultline
