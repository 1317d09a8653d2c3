#include "detectors/stats/mix_shift.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"

namespace faultline {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kNormal95 = 1.959963984540054;

double D(uint64_t n) { return static_cast<double>(n); }

struct Side {
  explicit Side(std::span<const SliceSums> slices) {
    for (const SliceSums& slice : slices) {
      rows += D(slice.rows);
      sum += slice.sum;
    }
    for (const SliceSums& slice : slices) {
      const double n = D(slice.rows);
      share.push_back(n / rows);
      mean.push_back(n > 0 ? slice.sum / n : kNan);
      // Of the mean: variance of the values (divisor n - 1) over n.
      const double spread = n > 1 ? (slice.squares - slice.sum * slice.sum / n) / (n - 1) / n : 0;
      error.push_back(std::max(spread, 0.0));
    }
  }
  // A category absent on this side has the other side's mean.
  void Borrow(const Side& other) {
    for (size_t i = 0; i < mean.size(); ++i) {
      if (std::isnan(mean[i])) mean[i] = std::isnan(other.mean[i]) ? 0 : other.mean[i];
    }
  }
  // Sampling variance of the sum of share[i] weight[i].
  double OfShares(const std::vector<double>& weight) const {
    double first = 0;
    double second = 0;
    for (size_t i = 0; i < share.size(); ++i) {
      first += share[i] * weight[i];
      second += share[i] * weight[i] * weight[i];
    }
    return std::max(second - first * first, 0.0) / rows;
  }
  double OfMeans(const std::vector<double>& weight) const {
    double variance = 0;
    for (size_t i = 0; i < error.size(); ++i) variance += weight[i] * weight[i] * error[i];
    return variance;
  }

  double rows = 0;
  double sum = 0;
  std::vector<double> share;
  std::vector<double> mean;
  std::vector<double> error;
};

MixPart Part(double effect, double variance) {
  const double reach = kNormal95 * std::sqrt(variance);
  return {effect, effect - reach, effect + reach};
}

}  // namespace

MixShift SplitMixShift(std::span<const SliceSums> reference, std::span<const SliceSums> window) {
  FAULTLINE_CHECK(reference.size() == window.size(), "the same categories on both sides");
  Side p(reference);
  Side q(window);
  const size_t slices = reference.size();
  MixShift split;
  if (p.rows == 0 || q.rows == 0) {
    split.total = split.mix = split.within = {kNan, kNan, kNan};
    split.mix_by_slice.assign(slices, kNan);
    split.within_by_slice.assign(slices, kNan);
    return split;
  }
  const Side& before = p;
  p.Borrow(q);
  q.Borrow(p);
  const double center = before.sum / before.rows;
  // Derivatives of the two effects by the shares and means of either side.
  std::vector<double> middle(slices), growth(slices), moved(slices), kept(slices);
  double mix = 0;
  double within = 0;
  for (size_t i = 0; i < slices; ++i) {
    middle[i] = (p.mean[i] + q.mean[i]) / 2 - center;
    growth[i] = (q.mean[i] - p.mean[i]) / 2;
    moved[i] = (q.share[i] - p.share[i]) / 2;
    kept[i] = (q.share[i] + p.share[i]) / 2;
    split.mix_by_slice.push_back(2 * moved[i] * middle[i]);
    split.within_by_slice.push_back(2 * kept[i] * growth[i]);
    mix += split.mix_by_slice.back();
    within += split.within_by_slice.back();
  }
  split.mix =
      Part(mix, p.OfShares(middle) + q.OfShares(middle) + p.OfMeans(moved) + q.OfMeans(moved));
  split.within =
      Part(within, p.OfShares(growth) + q.OfShares(growth) + p.OfMeans(kept) + q.OfMeans(kept));
  split.total = Part(mix + within, p.OfShares(p.mean) + q.OfShares(q.mean) + p.OfMeans(p.share) +
                                       q.OfMeans(q.share));
  return split;
}

}  // namespace faultline
