#include "detectors/summary/moments.h"

#include <bit>
#include <cmath>
#include <limits>

#include "base/check.h"

namespace faultline {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr int64_t kSquaresMax = std::numeric_limits<int64_t>::max();
constexpr uint32_t kRunValuesMax = 1u << 31;

// Both sums are non-negative, so the result does not depend on the order of additions.
int64_t AddSaturated(int64_t a, int64_t b) { return a > kSquaresMax - b ? kSquaresMax : a + b; }

}  // namespace

double Moments::mean() const {
  if (count == 0) return kNan;
  return static_cast<double>(sum) / static_cast<double>(count) / kUnit;
}

double Moments::variance() const {
  if (count == 0) return kNan;
  const double n = static_cast<double>(count);
  // Up to 2^40 values n * sum_of_squares fits 126 bits, and nothing cancels.
  if (count <= uint64_t{1} << 40) {
    const __int128 spread = static_cast<__int128>(count) * sum_of_squares - sum * sum;
    return static_cast<double>(spread) / n / n / (kUnit * kUnit);
  }
  const double mean_q = static_cast<double>(sum) / n;
  const double spread = static_cast<double>(sum_of_squares) / n - mean_q * mean_q;
  return std::fmax(spread, 0.0) / (kUnit * kUnit);
}

uint32_t SubSums::room() const {
  if (runs_.empty() || runs_.back().count == run_values_) return run_values_;
  return run_values_ - runs_.back().count;
}

void SubSums::Add(uint32_t count, int64_t sum, int64_t sum_of_squares) {
  FAULTLINE_CHECK(count <= room(), "the caller splits at room()");
  if (count == 0) return;
  if (runs_.empty() || runs_.back().count == run_values_) {
    runs_.reserve(kSubSumsMax);
    runs_.emplace_back();
  }
  SubSum& run = runs_.back();
  run.count += count;
  run.sum += sum;
  run.sum_of_squares = AddSaturated(run.sum_of_squares, sum_of_squares);
  if (runs_.size() < kSubSumsMax || run.count < run_values_) return;
  FAULTLINE_CHECK(run_values_ < kRunValuesMax, "a pane holds fewer than 2^36 values");
  run_values_ *= 2;
  for (uint32_t i = 0; i < kSubSumsMax / 2; ++i) {
    const SubSum& left = runs_[2 * i];
    const SubSum& right = runs_[2 * i + 1];
    runs_[i] = {left.count + right.count, left.sum + right.sum,
                AddSaturated(left.sum_of_squares, right.sum_of_squares)};
  }
  runs_.resize(kSubSumsMax / 2);
}

void SubSums::Clear() {
  runs_.clear();
  run_values_ = kSubSumValuesMin;
}

bool SubSums::Restore(std::span<const SubSum> runs, uint32_t run_values) {
  Clear();
  if (run_values < kSubSumValuesMin || !std::has_single_bit(run_values)) return false;
  if (runs.size() > kSubSumsMax) return false;
  if (run_values > kSubSumValuesMin && runs.size() < kSubSumsMax / 2) return false;
  constexpr int64_t kLargest = static_cast<int64_t>(kClip * kUnit);
  for (size_t i = 0; i < runs.size(); ++i) {
    const SubSum& run = runs[i];
    const bool last = i + 1 == runs.size();
    if (run.count == 0 || run.count > run_values || (!last && run.count < run_values)) return false;
    if (last && runs.size() == kSubSumsMax && run.count == run_values) return false;
    const __int128 limit = static_cast<__int128>(run.count) * kLargest;
    if (run.sum > limit || run.sum < -limit) return false;
    if (run.sum_of_squares < 0 || run.sum_of_squares > limit * kLargest) return false;
  }
  runs_.assign(runs.begin(), runs.end());
  run_values_ = run_values;
  return true;
}

}  // namespace faultline
