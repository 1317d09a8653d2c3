#include "detectors/stats/distances.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "detectors/stats/elementary.h"

namespace faultline {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kPi = 3.14159265358979323846;
constexpr double kLn2 = 0.69314718055994530942;

// 1/n + 1/m: the variance of a difference of means, in variances of one row.
double Spread(uint64_t n, uint64_t m) {
  if (n == 0 || m == 0) return kNan;
  return 1 / static_cast<double>(n) + 1 / static_cast<double>(m);
}

// Area between 0 and a line from a to b over a unit.
double AreaUnderLine(double a, double b) {
  const double total = std::fabs(a) + std::fabs(b);
  if (a * b >= 0) return total / 2;
  return (a * a + b * b) / (2 * total);
}

// Finite for any boundaries and any scale.
double Width(double low, double high, double scale) {
  double width = (high - low) / scale;
  if (!std::isfinite(high - low)) width = high / scale - low / scale;
  return std::min(width, 1e300);
}

}  // namespace

uint64_t Total(std::span<const uint64_t> cells) {
  uint64_t total = 0;
  for (const uint64_t cell : cells) total += cell;
  return total;
}

uint32_t UsedCells(std::span<const uint64_t> p, std::span<const uint64_t> q) {
  uint32_t used = 0;
  for (size_t i = 0; i < p.size(); ++i) used += p[i] + q[i] > 0;
  return used;
}

namespace {

// Sum over the used cells of term(share of p, share of q), half a row added to each; NaN without
// rows on both sides.
template <typename Term>
double SumOverShares(std::span<const uint64_t> p, std::span<const uint64_t> q, const Term& term) {
  const uint64_t p_rows = Total(p);
  const uint64_t q_rows = Total(q);
  if (p_rows == 0 || q_rows == 0) return kNan;
  const double added = UsedCells(p, q) / 2.0;
  double sum = 0;
  for (size_t i = 0; i < p.size(); ++i) {
    if (p[i] + q[i] == 0) continue;
    sum += term((static_cast<double>(p[i]) + 0.5) / (static_cast<double>(p_rows) + added),
                (static_cast<double>(q[i]) + 0.5) / (static_cast<double>(q_rows) + added));
  }
  return sum;
}

}  // namespace

double Psi(std::span<const uint64_t> p, std::span<const uint64_t> q) {
  return SumOverShares(p, q, [](double a, double b) { return (b - a) * Log(b / a); });
}

double JensenShannonDistance(std::span<const uint64_t> p, std::span<const uint64_t> q) {
  const double p_rows = static_cast<double>(Total(p));
  const double q_rows = static_cast<double>(Total(q));
  if (p_rows == 0 || q_rows == 0) return kNan;
  double sum = 0;
  for (size_t i = 0; i < p.size(); ++i) {
    const double a = static_cast<double>(p[i]) / p_rows;
    const double b = static_cast<double>(q[i]) / q_rows;
    const double middle = (a + b) / 2;
    if (a > 0) sum += a * Log(a / middle);
    if (b > 0) sum += b * Log(b / middle);
  }
  return std::sqrt(std::clamp(sum / (2 * kLn2), 0.0, 1.0));
}

double TotalVariation(std::span<const uint64_t> p, std::span<const uint64_t> q) {
  const double p_rows = static_cast<double>(Total(p));
  const double q_rows = static_cast<double>(Total(q));
  if (p_rows == 0 || q_rows == 0) return kNan;
  double sum = 0;
  for (size_t i = 0; i < p.size(); ++i) {
    sum += std::fabs(static_cast<double>(p[i]) / p_rows - static_cast<double>(q[i]) / q_rows);
  }
  return sum / 2;
}

double Hellinger(std::span<const uint64_t> p, std::span<const uint64_t> q) {
  const double p_rows = static_cast<double>(Total(p));
  const double q_rows = static_cast<double>(Total(q));
  if (p_rows == 0 || q_rows == 0) return kNan;
  double affinity = 0;
  for (size_t i = 0; i < p.size(); ++i) {
    affinity +=
        std::sqrt(static_cast<double>(p[i]) / p_rows * (static_cast<double>(q[i]) / q_rows));
  }
  return std::sqrt(std::clamp(1 - affinity, 0.0, 1.0));
}

double KullbackLeibler(std::span<const uint64_t> p, std::span<const uint64_t> q) {
  const double sum = SumOverShares(p, q, [](double a, double b) { return a * Log(a / b); });
  return std::isnan(sum) ? kNan : std::max(0.0, sum);
}

double LInfinity(std::span<const uint64_t> p, std::span<const uint64_t> q) {
  const double p_rows = static_cast<double>(Total(p));
  const double q_rows = static_cast<double>(Total(q));
  if (p_rows == 0 || q_rows == 0) return kNan;
  double largest = 0;
  for (size_t i = 0; i < p.size(); ++i) {
    const double off = static_cast<double>(p[i]) / p_rows - static_cast<double>(q[i]) / q_rows;
    largest = std::max(largest, std::fabs(off));
  }
  return largest;
}

double KolmogorovSmirnov(std::span<const uint64_t> p, std::span<const uint64_t> q) {
  const uint64_t p_rows = Total(p);
  const uint64_t q_rows = Total(q);
  if (p_rows == 0 || q_rows == 0) return kNan;
  uint64_t p_below = 0;
  uint64_t q_below = 0;
  double largest = 0;
  for (size_t i = 0; i < p.size(); ++i) {
    p_below += p[i];
    q_below += q[i];
    const double difference = static_cast<double>(p_below) / static_cast<double>(p_rows) -
                              static_cast<double>(q_below) / static_cast<double>(q_rows);
    largest = std::max(largest, std::fabs(difference));
  }
  return largest;
}

double KolmogorovSmirnovPValue(double statistic, uint64_t n, uint64_t m) {
  return KolmogorovQ(statistic / std::sqrt(Spread(n, m)));
}

double WassersteinOnBins(std::span<const double> boundaries, double scale,
                         std::span<const uint64_t> p, std::span<const uint64_t> q) {
  const double p_rows = static_cast<double>(Total(p));
  const double q_rows = static_cast<double>(Total(q));
  if (p_rows == 0 || q_rows == 0) return kNan;
  uint64_t p_below = 0;
  uint64_t q_below = 0;
  double area = 0;
  double before = 0;
  for (size_t i = 0; i < boundaries.size(); ++i) {
    p_below += p[i];
    q_below += q[i];
    const double difference =
        static_cast<double>(p_below) / p_rows - static_cast<double>(q_below) / q_rows;
    if (i > 0)
      area += Width(boundaries[i - 1], boundaries[i], scale) * AreaUnderLine(before, difference);
    before = difference;
  }
  return area;
}

ChiSquareResult ChiSquare(std::span<const uint64_t> p, std::span<const uint64_t> q) {
  const double p_rows = static_cast<double>(Total(p));
  const double q_rows = static_cast<double>(Total(q));
  if (p_rows == 0 || q_rows == 0) return {kNan, kNan, kNan, kNan};
  const double rows = p_rows + q_rows;
  double statistic = 0;
  for (size_t i = 0; i < p.size(); ++i) {
    if (p[i] + q[i] == 0) continue;
    const double both = static_cast<double>(p[i]) + static_cast<double>(q[i]);
    const double p_expected = both * p_rows / rows;
    const double q_expected = both * q_rows / rows;
    const double p_off = static_cast<double>(p[i]) - p_expected;
    const double q_off = static_cast<double>(q[i]) - q_expected;
    statistic += p_off * p_off / p_expected + q_off * q_off / q_expected;
  }
  const double freedom = UsedCells(p, q) - 1.0;
  if (freedom < 1) return {0, 0, 1, 0};
  return {statistic, freedom, GammaQ(freedom / 2, statistic / 2),
          std::min(1.0, std::sqrt(statistic / rows))};
}

double PsiNoise(uint32_t cells, uint64_t n, uint64_t m) {
  return (cells > 0 ? cells - 1.0 : 0) * Spread(n, m);
}

double JensenShannonNoise(uint32_t cells, uint64_t n, uint64_t m) {
  // Near equality the divergence is an eighth of the PSI; its root follows a chi law.
  return ChiMean(cells > 0 ? cells - 1.0 : 0) * std::sqrt(Spread(n, m) / (8 * kLn2));
}

double KolmogorovSmirnovNoise(uint64_t n, uint64_t m) {
  // The Kolmogorov distribution has mean sqrt(pi / 2) ln 2.
  return std::sqrt(kPi / 2) * kLn2 * std::sqrt(Spread(n, m));
}

double WassersteinNoise(std::span<const double> boundaries, double scale,
                        std::span<const uint64_t> p, uint64_t n, uint64_t m) {
  const double rows = static_cast<double>(Total(p));
  if (rows == 0) return kNan;
  // The difference at a point is normal with variance F (1 - F) (1/n + 1/m).
  const double unit = std::sqrt(2 / kPi * Spread(n, m));
  uint64_t below = 0;
  double area = 0;
  double before = 0;
  for (size_t i = 0; i < boundaries.size(); ++i) {
    below += p[i];
    const double f = static_cast<double>(below) / rows;
    const double size = unit * std::sqrt(f * (1 - f));
    if (i > 0) area += Width(boundaries[i - 1], boundaries[i], scale) * (before + size) / 2;
    before = size;
  }
  return area;
}

double CramersVNoise(uint32_t cells, uint64_t n, uint64_t m) {
  if (n == 0 || m == 0) return kNan;
  const double rows = static_cast<double>(n) + static_cast<double>(m);
  return std::min(1.0, ChiMean(cells > 0 ? cells - 1.0 : 0) / std::sqrt(rows));
}

double ShareNoise(double share, uint64_t n, uint64_t m) {
  return std::sqrt(share * (1 - share) * Spread(n, m) / (2 * kPi));
}

}  // namespace faultline
