#include "detectors/stats/samples.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <vector>

#include "detectors/stats/elementary.h"

namespace faultline {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kPi = 3.14159265358979323846;
constexpr size_t kExactValuesMost = 20;
constexpr size_t kExactShortMost = 8;

// Calls at(value, before_p, tied_p, before_q, tied_q) for every distinct value, ascending.
template <typename At>
void ForEachDistinct(std::span<const double> p, std::span<const double> q, At at) {
  size_t i = 0;
  size_t j = 0;
  while (i < p.size() || j < q.size()) {
    const bool from_p = j == q.size() || (i < p.size() && p[i] <= q[j]);
    const double value = from_p ? p[i] : q[j];
    const size_t i_before = i;
    const size_t j_before = j;
    while (i < p.size() && p[i] == value) ++i;
    while (j < q.size() && q[j] == value) ++j;
    at(value, i_before, i - i_before, j_before, j - j_before);
  }
}

double D(size_t count) { return static_cast<double>(count); }

// Integral of power(|F - G|) over the line.
template <typename Power>
double AreaBetween(std::span<const double> p, std::span<const double> q, Power power) {
  if (p.empty() || q.empty()) return kNan;
  double area = 0;
  double last = 0;
  double difference = 0;
  bool begun = false;
  ForEachDistinct(p, q, [&](double value, size_t i, size_t tied_i, size_t j, size_t tied_j) {
    if (begun) area += power(difference) * (value - last);
    begun = true;
    last = value;
    difference = D(i + tied_i) / D(p.size()) - D(j + tied_j) / D(q.size());
  });
  return area;
}

// e^-x K_{1/4}(x), by the trapezoid rule, which converges exponentially here.
double ScaledBesselK(double x) {
  constexpr double kStep = 1.0 / 16;
  double sum = 0;
  for (int i = 0; i < 2000; ++i) {
    const double t = i * kStep;
    const double e = Exp(t);
    const double cosh = (e + 1 / e) / 2;
    const double quarter = Exp(t / 4);
    const double term = Exp(-x * (cosh + 1)) * (quarter + 1 / quarter) / 2;
    sum += i == 0 ? term / 2 : term;
    if (x * (cosh + 1) > 745) break;
  }
  return sum * kStep;
}

// Limit distribution of the Cramer-von Mises statistic (Csorgo, Faraway 1996, 1.3), to 1e-7 like
// scipy.
double CramerVonMisesLimit(double x) {
  double sum = 0;
  for (int k = 0;; ++k) {
    const double u =
        Exp(LogGamma(k + 0.5) - LogGamma(k + 1.0)) / (std::pow(kPi, 1.5) * std::sqrt(x));
    const double y = 4.0 * k + 1;
    const double term = u * std::sqrt(y) * ScaledBesselK(y * y / (16 * x));
    sum += term;
    if (std::fabs(term) < 1e-7) return sum;
  }
}

// Share of the orderings of n + m distinct values whose statistic is at least that of u (Xiao,
// Gordon, Yakovlev 2006).
double CramerVonMisesExact(double u, int64_t n, int64_t m) {
  const int64_t lcm = std::lcm(n, m);
  const int64_t a = lcm / n;
  const int64_t b = lcm / m;
  const double product = D(static_cast<size_t>(n * m));
  const double least = std::floor(D(static_cast<size_t>(lcm * lcm * (n + m))) *
                                  (6 * u - product * (4 * product - 1)) / (6 * product * product));
  // By number of values of the first sample so far: value of the sum -> number of orderings.
  std::vector<std::map<int64_t, double>> rows(static_cast<size_t>(n) + 1);
  for (int64_t j = 0; j <= m; ++j) {
    for (int64_t i = 0; i <= n; ++i) {
      std::map<int64_t, double> here;
      const int64_t off = (a * i - b * j) * (a * i - b * j);
      if (i == 0 && j == 0) here[0] = 1;
      if (j > 0) {
        for (const auto& [sum, orders] : rows[static_cast<size_t>(i)]) here[sum + off] += orders;
      }
      if (i > 0) {
        for (const auto& [sum, orders] : rows[static_cast<size_t>(i) - 1]) {
          here[sum + off] += orders;
        }
      }
      rows[static_cast<size_t>(i)] = std::move(here);
    }
  }
  double all = 0;
  double beyond = 0;
  for (const auto& [sum, orders] : rows[static_cast<size_t>(n)]) {
    all += orders;
    if (static_cast<double>(sum) >= least) beyond += orders;
  }
  return beyond / all;
}

}  // namespace

uint64_t KolmogorovSmirnovSteps(std::span<const double> p, std::span<const double> q) {
  int64_t most = 0;
  const auto n = static_cast<int64_t>(p.size());
  const auto m = static_cast<int64_t>(q.size());
  ForEachDistinct(p, q, [&](double, size_t i, size_t tied_i, size_t j, size_t tied_j) {
    const int64_t off = static_cast<int64_t>(i + tied_i) * m - static_cast<int64_t>(j + tied_j) * n;
    most = std::max(most, std::abs(off));
  });
  return static_cast<uint64_t>(most);
}

double KolmogorovSmirnovExactPValue(uint64_t steps, uint64_t n, uint64_t m) {
  if (n == 0 || m == 0) return kNan;
  if (steps == 0) return 1;
  // Probability that a random path from (0, 0) to (i, j) has left the band. Summing the paths that
  // left keeps the digits of small p-values.
  std::vector<double> outside(m + 1);
  for (uint64_t i = 0; i <= n; ++i) {
    for (uint64_t j = 0; j <= m; ++j) {
      const uint64_t a = i * m;
      const uint64_t b = j * n;
      if ((a > b ? a - b : b - a) >= steps) {
        outside[j] = 1;
        continue;
      }
      if (i + j == 0) {
        outside[j] = 0;
        continue;
      }
      // The last step came from the left with probability i / (i + j).
      const double left = D(i) / D(i + j);
      const double from_left = i > 0 ? outside[j] : 0;
      const double from_below = j > 0 ? outside[j - 1] : 0;
      outside[j] = left * from_left + (1 - left) * from_below;
    }
  }
  return outside[m];
}

uint64_t KolmogorovSmirnovCriticalSteps(double level, uint64_t n, uint64_t m) {
  uint64_t low = 0;  // its p-value is above the level
  uint64_t high = n * m + 1;
  while (high - low > 1) {
    const uint64_t middle = low + (high - low) / 2;
    (KolmogorovSmirnovExactPValue(middle, n, m) <= level ? high : low) = middle;
  }
  return high;
}

TestResult CramerVonMises(std::span<const double> p, std::span<const double> q) {
  if (p.size() < 2 || q.size() < 2) return {kNan, kNan};
  const double n = D(p.size());
  const double m = D(q.size());
  double p_sum = 0;
  double q_sum = 0;
  ForEachDistinct(p, q, [&](double, size_t i, size_t tied_i, size_t j, size_t tied_j) {
    const double rank = D(i + j) + (D(tied_i + tied_j) + 1) / 2;
    for (size_t k = 1; k <= tied_i; ++k) p_sum += (rank - D(i + k)) * (rank - D(i + k));
    for (size_t k = 1; k <= tied_j; ++k) q_sum += (rank - D(j + k)) * (rank - D(j + k));
  });
  const double u = n * p_sum + m * q_sum;
  const double k = n * m;
  const double all = n + m;
  const double t = u / (k * all) - (4 * k - 1) / (6 * all);
  if (p.size() <= kExactValuesMost && q.size() <= kExactValuesMost) {
    return {t, CramerVonMisesExact(u, static_cast<int64_t>(n), static_cast<int64_t>(m))};
  }
  const double mean = (1 + 1 / all) / 6;
  const double variance =
      (all + 1) * (4 * k * all - 3 * (n * n + m * m) - 2 * k) / (45 * all * all * 4 * k);
  const double standard = 1.0 / 6 + (t - mean) / std::sqrt(45 * variance);
  if (standard < 0.003) return {t, 1};
  return {t, std::max(0.0, 1 - CramerVonMisesLimit(standard))};
}

namespace {

// The least-squares parabola through (x, y), at `at`.
double QuadraticFit(std::span<const double> x, std::span<const double> y, double at) {
  std::array<std::array<double, 4>, 3> rows = {};
  for (size_t i = 0; i < x.size(); ++i) {
    const std::array<double, 3> powers = {1, x[i], x[i] * x[i]};
    for (size_t r = 0; r < 3; ++r) {
      for (size_t c = 0; c < 3; ++c) rows[r][c] += powers[r] * powers[c];
      rows[r][3] += powers[r] * y[i];
    }
  }
  for (size_t k = 0; k < 3; ++k) {
    for (size_t r = 0; r < 3; ++r) {
      if (r == k) continue;
      const double factor = rows[r][k] / rows[k][k];
      for (size_t c = k; c < 4; ++c) rows[r][c] -= factor * rows[k][c];
    }
  }
  return rows[0][3] / rows[0][0] + at * (rows[1][3] / rows[1][1]) +
         at * at * (rows[2][3] / rows[2][2]);
}

// Standard deviation of the statistic of two samples under the null (Scholz, Stephens 1987, (4)).
double AndersonDarlingDeviation(double n, double m) {
  const double all = n + m;
  const double inverse = 1 / n + 1 / m;
  double h = 1;
  double g = 0;
  double sum = 0;
  for (auto left = static_cast<uint64_t>(all) - 1; left > 1; --left) {
    const auto i = static_cast<double>(left);
    sum += 1 / i;
    g += sum / (all - i + 1);
  }
  h += sum;
  constexpr double k = 2;
  const double a = (4 * g - 6) * (k - 1) + (10 - 6 * g) * inverse;
  const double b =
      (2 * g - 4) * k * k + 8 * h * k + (2 * g - 14 * h - 4) * inverse - 8 * h + 4 * g - 6;
  const double c =
      (6 * h + 2 * g - 2) * k * k + (4 * h - 4 * g + 6) * k + (2 * h - 6) * inverse + 4 * h;
  const double d = (2 * h + 6) * k * k - 4 * h * k;
  return std::sqrt((a * all * all * all + b * all * all + c * all + d) /
                   ((all - 1) * (all - 2) * (all - 3)));
}

// Table 2 of Scholz and Stephens for two samples.
double AndersonDarlingPValue(double standard) {
  constexpr std::array<double, 7> b0 = {0.675, 1.281, 1.645, 1.96, 2.326, 2.573, 3.085};
  constexpr std::array<double, 7> b1 = {-0.245, 0.25, 0.678, 1.149, 1.822, 2.364, 3.615};
  constexpr std::array<double, 7> b2 = {-0.105, -0.305, -0.362, -0.391, -0.396, -0.345, -0.154};
  constexpr std::array<double, 7> levels = {0.25, 0.1, 0.05, 0.025, 0.01, 0.005, 0.001};
  std::array<double, 7> critical = {};
  std::array<double, 7> logs = {};
  for (size_t i = 0; i < levels.size(); ++i) {
    critical[i] = b0[i] + b1[i] + b2[i];
    logs[i] = Log(levels[i]);
  }
  if (standard < critical.front()) return levels.front();
  if (standard > critical.back()) return levels.back();
  return Exp(QuadraticFit(critical, logs, standard));
}

}  // namespace

TestResult AndersonDarling(std::span<const double> p, std::span<const double> q) {
  if (p.empty() || q.empty() || p.size() + q.size() < 4) return {kNan, kNan};
  const double n = D(p.size());
  const double m = D(q.size());
  const double all = n + m;
  double p_sum = 0;
  double q_sum = 0;
  size_t distinct = 0;
  ForEachDistinct(p, q, [&](double, size_t i, size_t tied_i, size_t j, size_t tied_j) {
    const double tied = D(tied_i + tied_j);
    const double below = D(i + j) + tied / 2;
    const double weight = tied / all / (below * (all - below) - all * tied / 4);
    const double p_off = all * (D(i) + D(tied_i) / 2) - below * n;
    const double q_off = all * (D(j) + D(tied_j) / 2) - below * m;
    p_sum += weight * p_off * p_off;
    q_sum += weight * q_off * q_off;
    ++distinct;
  });
  if (distinct < 2) return {kNan, kNan};
  const double statistic = (p_sum / n + q_sum / m) * (all - 1) / all;
  const double standard = (statistic - 1) / AndersonDarlingDeviation(n, m);
  return {standard, AndersonDarlingPValue(standard)};
}

namespace {

// P(U >= u) for two samples without ties: counts of partitions (Mann, Whitney 1947), as shares.
double MannWhitneyExact(uint64_t u, uint64_t n, uint64_t m) {
  const uint64_t most = n * m;
  if (u > most) return 0;
  // By symmetry: P(U <= most - u), which keeps the digits of small tails.
  const uint64_t to = most - u;
  // share[i][s]: probability that i values of the first and j of the second give U = s.
  std::vector<std::vector<double>> share(n + 1, std::vector<double>(to + 1));
  for (uint64_t i = 0; i <= n; ++i) share[i][0] = 1;
  for (uint64_t j = 1; j <= m; ++j) {
    for (uint64_t i = 1; i <= n; ++i) {
      // The largest value is of the first sample (and beats all j) with probability i / (i + j).
      const double first = D(i) / D(i + j);
      for (uint64_t s = to + 1; s-- > 0;) {
        const double beats = s >= j ? share[i - 1][s - j] : 0;
        share[i][s] = first * beats + (1 - first) * share[i][s];
      }
    }
  }
  double sum = 0;
  for (const double s : share[n]) sum += s;
  return sum;
}

}  // namespace

TestResult MannWhitney(std::span<const double> p, std::span<const double> q) {
  if (p.empty() || q.empty()) return {kNan, kNan};
  const double n = D(p.size());
  const double m = D(q.size());
  double ranks = 0;
  double ties = 0;
  ForEachDistinct(p, q, [&](double, size_t i, size_t tied_i, size_t j, size_t tied_j) {
    const double tied = D(tied_i + tied_j);
    ranks += D(tied_i) * (D(i + j) + (tied + 1) / 2);
    ties += tied * tied * tied - tied;
  });
  const double u = ranks - n * (n + 1) / 2;
  const double larger = std::max(u, n * m - u);
  const bool shortish = p.size() <= kExactShortMost || q.size() <= kExactShortMost;
  if (shortish && ties == 0) {
    const double tail = MannWhitneyExact(static_cast<uint64_t>(larger), p.size(), q.size());
    return {u, std::min(1.0, 2 * tail)};
  }
  const double all = n + m;
  const double deviation = std::sqrt(n * m / 12 * ((all + 1) - ties / (all * (all - 1))));
  const double z = (larger - n * m / 2 - 0.5) / deviation;
  return {u, std::clamp(2 * NormalQ(z), 0.0, 1.0)};
}

double Wasserstein(std::span<const double> p, std::span<const double> q) {
  return AreaBetween(p, q, [](double off) { return std::fabs(off); });
}

double EnergyDistance(std::span<const double> p, std::span<const double> q) {
  return std::sqrt(2 * AreaBetween(p, q, [](double off) { return off * off; }));
}

double EnergyStatistic(std::span<const double> p, std::span<const double> q) {
  const double n = D(p.size());
  const double m = D(q.size());
  return n * m / (n + m) * 2 * AreaBetween(p, q, [](double off) { return off * off; });
}

}  // namespace faultline
