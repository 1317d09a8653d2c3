#include "detectors/stats/tables.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "detectors/stats/elementary.h"

namespace faultline {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

double PearsonTerm(double observed, double expected) {
  const double off = observed - expected;
  return off * off / expected;
}

double GTerm(double observed, double expected) {
  return observed == 0 ? 0 : 2 * observed * Log(observed / expected);
}

using Term = double (*)(double observed, double expected);

TestResult Fit(std::span<const double> observed, std::span<const double> expected, Term term) {
  double observed_sum = 0;
  double expected_sum = 0;
  double statistic = 0;
  for (size_t i = 0; i < observed.size(); ++i) {
    observed_sum += observed[i];
    expected_sum += expected[i];
    statistic += term(observed[i], expected[i]);
  }
  const double off = std::fabs(observed_sum - expected_sum);
  if (observed.size() < 2 || !(off <= 1e-8 * std::min(observed_sum, expected_sum))) {
    return {kNan, kNan};
  }
  return {statistic, GammaQ((static_cast<double>(observed.size()) - 1) / 2, statistic / 2)};
}

TestResult Table(std::span<const uint64_t> p, std::span<const uint64_t> q, bool correction,
                 Term term) {
  double p_sum = 0;
  double q_sum = 0;
  double used = 0;
  for (size_t i = 0; i < p.size(); ++i) {
    p_sum += static_cast<double>(p[i]);
    q_sum += static_cast<double>(q[i]);
    used += p[i] + q[i] > 0 ? 1 : 0;
  }
  if (p_sum == 0 || q_sum == 0) return {kNan, kNan};
  if (used < 2) return {0, 1};
  double statistic = 0;
  const auto add = [&](double observed, double expected) {
    if (correction && used == 2) {
      // Yates: half a row towards the expected count, not beyond.
      const double off = expected - observed;
      observed += std::copysign(std::min(0.5, std::fabs(off)), off);
    }
    statistic += term(observed, expected);
  };
  for (size_t i = 0; i < p.size(); ++i) {
    if (p[i] + q[i] == 0) continue;
    const double both = static_cast<double>(p[i]) + static_cast<double>(q[i]);
    add(static_cast<double>(p[i]), both * p_sum / (p_sum + q_sum));
    add(static_cast<double>(q[i]), both * q_sum / (p_sum + q_sum));
  }
  statistic = std::max(0.0, statistic);
  return {statistic, GammaQ((used - 1) / 2, statistic / 2)};
}

}  // namespace

TestResult ChiSquareFit(std::span<const double> observed, std::span<const double> expected) {
  return Fit(observed, expected, PearsonTerm);
}

TestResult GFit(std::span<const double> observed, std::span<const double> expected) {
  return Fit(observed, expected, GTerm);
}

TestResult ChiSquareTable(std::span<const uint64_t> p, std::span<const uint64_t> q,
                          bool correction) {
  return Table(p, q, correction, PearsonTerm);
}

TestResult GTable(std::span<const uint64_t> p, std::span<const uint64_t> q, bool correction) {
  return Table(p, q, correction, GTerm);
}

TestResult FisherExact(uint64_t a, uint64_t b, uint64_t c, uint64_t d) {
  const double row = static_cast<double>(a) + static_cast<double>(b);
  const double other = static_cast<double>(c) + static_cast<double>(d);
  const double column = static_cast<double>(a) + static_cast<double>(c);
  if (row == 0 || other == 0 || column == 0 || b + d == 0) return {kNan, 1};
  const double odds = b == 0 || c == 0 ? std::numeric_limits<double>::infinity()
                                       : static_cast<double>(a) * static_cast<double>(d) /
                                             (static_cast<double>(b) * static_cast<double>(c));
  // Probabilities by ratios from the most probable table, to keep rounding errors small.
  const auto least = static_cast<uint64_t>(std::max(0.0, column - other));
  const auto most = static_cast<uint64_t>(std::min(row, column));
  std::vector<double> chances(most - least + 1);
  const auto mode =
      std::clamp(static_cast<uint64_t>((row + 1) * (column + 1) / (row + other + 2)), least, most);
  const auto ratio = [&](uint64_t k) {  // probability of k + 1 over that of k
    const auto x = static_cast<double>(k);
    return (row - x) * (column - x) / ((x + 1) * (other - column + x + 1));
  };
  chances[mode - least] = 1;
  for (uint64_t k = mode; k < most; ++k) chances[k + 1 - least] = chances[k - least] * ratio(k);
  for (uint64_t k = mode; k > least; --k) {
    chances[k - 1 - least] = chances[k - least] / ratio(k - 1);
  }
  double all = 0;
  double beyond = 0;
  const double limit = chances[a - least] * (1 + 1e-14);
  for (const double chance : chances) {
    all += chance;
    if (chance <= limit) beyond += chance;
  }
  return {odds, std::min(1.0, beyond / all)};
}

TestResult ProportionsZ(uint64_t hits_p, uint64_t p, uint64_t hits_q, uint64_t q) {
  if (p == 0 || q == 0) return {kNan, kNan};
  const auto n = static_cast<double>(p);
  const auto m = static_cast<double>(q);
  const double a = static_cast<double>(hits_p) / n;
  const double b = static_cast<double>(hits_q) / m;
  const double pooled = (static_cast<double>(hits_p) + static_cast<double>(hits_q)) / (n + m);
  const double z = (a - b) / std::sqrt(pooled * (1 - pooled) * (1 / n + 1 / m));
  if (std::isnan(z)) return {0, 1};  // both shares 0, or both 1
  return {z, 2 * NormalQ(std::fabs(z))};
}

}  // namespace faultline
