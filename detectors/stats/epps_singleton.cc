// Epps, Singleton, An omnibus test for the two-sample problem using the empirical characteristic
// function, 1986; in the form of Goerg and Kaiser, 2009.
//
// The statistic is invariant to shifts, so values are taken relative to their median: the sine of a
// large number is noise.

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "detectors/stats/elementary.h"
#include "detectors/stats/samples.h"

namespace faultline {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr size_t kValuesLeast = 5;
constexpr size_t kCorrectedBelow = 25;
constexpr std::array<double, 2> kPoints = {0.4, 0.8};
constexpr size_t kParts = 2 * kPoints.size();

using Vector = std::array<double, kParts>;
using Square = std::array<Vector, kParts>;

struct Transform {
  Vector mean = {};
  Square covariance = {};
};

// Between order statistics, as numpy's default.
double Quantile(std::span<const double> sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(place);
  if (below + 1 >= sorted.size()) return sorted.back();
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[below + 1] - sorted[below]);
}

Vector PartsOf(double value) {
  Vector parts;
  for (size_t t = 0; t < kPoints.size(); ++t) {
    const SineAndCosine at = SinCos(kPoints[t] * value);
    parts[t] = at.cosine;
    parts[kPoints.size() + t] = at.sine;
  }
  return parts;
}

Transform TransformOf(std::span<const double> values, double center, double unit) {
  Transform made;
  std::vector<Vector> parts;
  const auto count = static_cast<double>(values.size());
  for (const double value : values) {
    parts.push_back(PartsOf((value - center) / unit));
    for (size_t i = 0; i < kParts; ++i) made.mean[i] += parts.back()[i] / count;
  }
  for (const Vector& part : parts) {
    for (size_t i = 0; i < kParts; ++i) {
      for (size_t j = 0; j < kParts; ++j) {
        made.covariance[i][j] += (part[i] - made.mean[i]) * (part[j] - made.mean[j]) / count;
      }
    }
  }
  return made;
}

// One Jacobi rotation, which zeroes square[i][j] and is applied to `turned`.
void Rotate(size_t i, size_t j, Square* square, Square* turned) {
  Square& a = *square;
  if (a[i][j] == 0) return;
  const double theta = (a[j][j] - a[i][i]) / (2 * a[i][j]);
  const double t = (theta < 0 ? -1 : 1) / (std::fabs(theta) + std::sqrt(theta * theta + 1));
  const double c = 1 / std::sqrt(t * t + 1);
  const double s = t * c;
  const auto turn = [&](double* x, double* y) {
    const double before = *x;
    *x = c * before - s * *y;
    *y = s * before + c * *y;
  };
  for (size_t k = 0; k < kParts; ++k) turn(&a[k][i], &a[k][j]);
  for (size_t k = 0; k < kParts; ++k) turn(&a[i][k], &a[j][k]);
  for (size_t k = 0; k < kParts; ++k) turn(&(*turned)[k][i], &(*turned)[k][j]);
}

// off' C^-1 off over the directions in which C has any spread, and their number.
TestResult Mahalanobis(const Vector& off, Square covariance) {
  constexpr int kSweeps = 20;
  constexpr double kSingular = 1e-13;
  Square turned = {};
  for (size_t i = 0; i < kParts; ++i) turned[i][i] = 1;
  for (int sweep = 0; sweep < kSweeps; ++sweep) {
    for (size_t i = 0; i < kParts; ++i) {
      for (size_t j = i + 1; j < kParts; ++j) Rotate(i, j, &covariance, &turned);
    }
  }
  double largest = 0;
  for (size_t i = 0; i < kParts; ++i) largest = std::max(largest, covariance[i][i]);
  TestResult sum = {0, 0};
  for (size_t i = 0; i < kParts; ++i) {
    if (!(covariance[i][i] > kSingular * largest)) continue;
    double along = 0;
    for (size_t k = 0; k < kParts; ++k) along += turned[k][i] * off[k];
    sum.statistic += along * along / covariance[i][i];
    sum.p_value += 1;
  }
  return sum;
}

}  // namespace

TestResult EppsSingleton(std::span<const double> p, std::span<const double> q) {
  if (p.size() < kValuesLeast || q.size() < kValuesLeast) return {kNan, kNan};
  std::vector<double> pooled(p.size() + q.size());
  std::merge(p.begin(), p.end(), q.begin(), q.end(), pooled.begin());
  const double unit = (Quantile(pooled, 0.75) - Quantile(pooled, 0.25)) / 2;
  if (!(unit > 0) || !std::isfinite(unit)) return {kNan, kNan};
  const double center = Quantile(pooled, 0.5);
  const Transform of_p = TransformOf(p, center, unit);
  const Transform of_q = TransformOf(q, center, unit);
  const auto n = static_cast<double>(p.size());
  const auto m = static_cast<double>(q.size());
  const double all = n + m;
  Vector off;
  Square covariance;
  for (size_t i = 0; i < kParts; ++i) {
    off[i] = of_p.mean[i] - of_q.mean[i];
    for (size_t j = 0; j < kParts; ++j) {
      covariance[i][j] = all / n * of_p.covariance[i][j] + all / m * of_q.covariance[i][j];
    }
  }
  const auto [square, freedom] = Mahalanobis(off, covariance);
  if (std::isnan(of_p.mean[0]) || std::isnan(of_q.mean[0])) return {kNan, kNan};
  double statistic = all * square;
  if (std::max(p.size(), q.size()) < kCorrectedBelow) {
    statistic /= 1 + std::pow(all, -0.45) + 10.1 * (std::pow(n, -1.7) + std::pow(m, -1.7));
  }
  return {statistic, freedom > 0 ? GammaQ(freedom / 2, statistic / 2) : 1};
}

}  // namespace faultline
