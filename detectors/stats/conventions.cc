#include "detectors/stats/conventions.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "detectors/stats/elementary.h"
#include "detectors/stats/tables.h"

namespace faultline {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kLn2 = 0.69314718055994530942;
constexpr size_t kFewDistinct = 5;

double D(size_t count) { return static_cast<double>(count); }

std::vector<double> Sorted(std::span<const double> values) {
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

std::vector<double> Joined(std::span<const double> a, std::span<const double> b) {
  std::vector<double> joined(a.begin(), a.end());
  joined.insert(joined.end(), b.begin(), b.end());
  return joined;
}

std::vector<double> Distinct(std::span<const double> values) {
  std::vector<double> distinct = Sorted(values);
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  return distinct;
}

double Mean(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / D(values.size());
}

// Divisor n.
double Deviation(std::span<const double> values) {
  const double mean = Mean(values);
  double sum = 0;
  for (const double value : values) sum += (value - mean) * (value - mean);
  return std::sqrt(sum / D(values.size()));
}

// The shares of both sides in common cells.
struct Shares {
  std::vector<double> p, q;
};

std::vector<double> SharesOf(const std::vector<uint64_t>& counts, size_t rows) {
  std::vector<double> shares;
  shares.reserve(counts.size());
  for (const uint64_t count : counts) shares.push_back(D(count) / D(rows));
  return shares;
}

Shares OnBoundaries(std::span<const double> p, std::span<const double> q,
                    const std::vector<double>& boundaries) {
  if (boundaries.size() < 2) return {{kNan}, {kNan}};
  return {SharesOf(HistogramCounts(p, boundaries), p.size()),
          SharesOf(HistogramCounts(q, boundaries), q.size())};
}

Shares ByCategory(std::span<const double> p, std::span<const double> q) {
  std::map<double, std::pair<double, double>> cells;
  for (const double value : p) cells[value].first += 1;
  for (const double value : q) cells[value].second += 1;
  Shares shares;
  for (const auto& [value, counts] : cells) {
    shares.p.push_back(counts.first / D(p.size()));
    shares.q.push_back(counts.second / D(q.size()));
  }
  return shares;
}

// scipy.spatial.distance.jensenshannon.
double JensenShannonOfShares(const Shares& shares, double log_base) {
  double p_sum = 0;
  double q_sum = 0;
  for (const double p : shares.p) p_sum += p;
  for (const double q : shares.q) q_sum += q;
  if (std::isnan(p_sum + q_sum)) return kNan;
  double sum = 0;
  for (size_t i = 0; i < shares.p.size(); ++i) {
    const double p = shares.p[i] / p_sum;
    const double q = shares.q[i] / q_sum;
    const double middle = (p + q) / 2;
    if (p > 0) sum += p * Log(p / middle);
    if (q > 0) sum += q * Log(q / middle);
  }
  return std::sqrt(std::max(0.0, sum / log_base / 2));
}

double Affinity(const Shares& shares) {
  double sum = 0;
  for (size_t i = 0; i < shares.p.size(); ++i) sum += std::sqrt(shares.p[i] * shares.q[i]);
  return std::clamp(sum, 0.0, 1.0);
}

double StepsToDistance(std::span<const double> p, std::span<const double> q) {
  if (p.empty() || q.empty()) return kNan;
  const uint64_t steps = KolmogorovSmirnovSteps(Sorted(p), Sorted(q));
  return D(steps) / D(p.size()) / D(q.size());
}

}  // namespace

std::vector<double> HistogramBoundaries(std::span<const double> values, BinRule rule) {
  if (values.empty()) return {0, 1};
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  double first = *least;
  double last = *most;
  const double range = last - first;
  const double n = D(values.size());
  if (!std::isfinite(range)) return {};
  double bins = 1;
  if (range > 0) {
    double divisor = std::log2(n) + 1;
    if (rule == BinRule::kDoane) {
      double cubes = 0;
      const double mean = Mean(values);
      const double deviation = Deviation(values);
      for (const double value : values) {
        const double z = (value - mean) / deviation;
        cubes += z * z * z;
      }
      const double error = std::sqrt(6 * (n - 2) / ((n + 1) * (n + 3)));
      divisor = 1 + std::log2(n) + std::log2(1 + std::fabs(cubes / n) / error);
      if (values.size() <= 2) divisor = 1;
    }
    const double width = range / divisor;
    bins = width > 0 ? std::ceil(range / width) : 1;
    if (!std::isfinite(bins)) return {};
  } else {
    first -= 0.5;
    last += 0.5;
  }
  std::vector<double> boundaries;
  const double step = (last - first) / bins;
  for (size_t i = 0; static_cast<double>(i) < bins; ++i) {
    boundaries.push_back(static_cast<double>(i) * step + first);
  }
  boundaries.push_back(last);
  return boundaries;
}

std::vector<uint64_t> HistogramCounts(std::span<const double> values,
                                      std::span<const double> boundaries) {
  std::vector<uint64_t> counts(boundaries.size() - 1);
  for (const double value : values) {
    if (value < boundaries.front() || value > boundaries.back()) continue;
    const auto above = std::upper_bound(boundaries.begin(), boundaries.end(), value);
    const auto bin = static_cast<size_t>(above - boundaries.begin()) - 1;
    ++counts[std::min(bin, counts.size() - 1)];
  }
  return counts;
}

namespace evidently {
namespace {

Shares Binned(std::span<const double> reference, std::span<const double> current) {
  if (Distinct(reference).size() <= kCategoriesMost) return ByCategory(reference, current);
  return OnBoundaries(reference, current,
                      HistogramBoundaries(Joined(reference, current), BinRule::kSturges));
}

void FillEmpty(std::vector<double>& shares) {
  double least = 1;
  for (const double share : shares) {
    if (share > 0) least = std::min(least, share);
  }
  const double filled = least <= 0.0001 ? least / 1e6 : 0.0001;
  std::replace(shares.begin(), shares.end(), 0.0, filled);
}

Shares Filled(std::span<const double> reference, std::span<const double> current) {
  Shares shares = Binned(reference, current);
  FillEmpty(shares.p);
  FillEmpty(shares.q);
  return shares;
}

}  // namespace

double Psi(std::span<const double> reference, std::span<const double> current) {
  if (reference.empty() || current.empty()) return kNan;
  const Shares shares = Filled(reference, current);
  double sum = 0;
  for (size_t i = 0; i < shares.p.size(); ++i) {
    sum += (shares.p[i] - shares.q[i]) * Log(shares.p[i] / shares.q[i]);
  }
  return sum;
}

double KullbackLeibler(std::span<const double> reference, std::span<const double> current) {
  if (reference.empty() || current.empty()) return kNan;
  const Shares shares = Filled(reference, current);
  double p_sum = 0;
  double q_sum = 0;
  for (size_t i = 0; i < shares.p.size(); ++i) {
    p_sum += shares.p[i];
    q_sum += shares.q[i];
  }
  double sum = 0;
  for (size_t i = 0; i < shares.p.size(); ++i) {
    const double p = shares.p[i] / p_sum;
    sum += p * Log(p / (shares.q[i] / q_sum));
  }
  return sum;
}

double JensenShannon(std::span<const double> reference, std::span<const double> current) {
  if (reference.empty() || current.empty()) return kNan;
  return JensenShannonOfShares(Binned(reference, current), 1);
}

double Hellinger(std::span<const double> reference, std::span<const double> current) {
  if (reference.empty() || current.empty()) return kNan;
  const auto boundaries =
      HistogramBoundaries(Distinct(Joined(reference, current)), BinRule::kSturges);
  return std::sqrt(1 - Affinity(OnBoundaries(reference, current, boundaries)));
}

double HellingerOfCategories(std::span<const double> reference, std::span<const double> current) {
  if (reference.empty() || current.empty()) return kNan;
  return std::sqrt(1 - Affinity(ByCategory(reference, current)));
}

double WassersteinNormed(std::span<const double> reference, std::span<const double> current) {
  if (reference.empty() || current.empty()) return kNan;
  return Wasserstein(Sorted(reference), Sorted(current)) / std::max(Deviation(reference), 0.001);
}

double ChiSquarePValue(std::span<const double> reference, std::span<const double> current) {
  if (reference.empty() || current.empty()) return kNan;
  Shares shares = ByCategory(reference, current);
  for (double& share : shares.p) share *= D(current.size());
  for (double& share : shares.q) share *= D(current.size());
  if (shares.p.size() < 2) return kNan;
  return ChiSquareFit(shares.q, shares.p).p_value;
}

double ProportionsPValue(std::span<const double> reference, std::span<const double> current) {
  if (reference.empty() || current.empty()) return kNan;
  const double least = Distinct(Joined(reference, current)).front();
  const auto others = [&](std::span<const double> values) {
    return values.size() - static_cast<size_t>(std::count(values.begin(), values.end(), least));
  };
  return ProportionsZ(others(reference), reference.size(), others(current), current.size()).p_value;
}

DefaultRule RuleFor(bool categorical, uint64_t reference_rows, uint64_t distinct) {
  constexpr uint64_t kManyRows = 1000;
  if (reference_rows > kManyRows) {
    if (categorical || distinct <= kFewDistinct) return {"jensenshannon", 0.1, false};
    return {"wasserstein", 0.1, false};
  }
  if (!categorical && distinct > kFewDistinct) return {"ks", 0.05, true};
  return {distinct > 2 ? "chisquare" : "z", 0.05, true};
}

}  // namespace evidently

namespace nannyml {
namespace {

constexpr size_t kExactMost = 10'000;
constexpr size_t kBins = 10'000;

std::vector<double> EqualBins(std::span<const double> reference) {
  const auto [least, most] = std::minmax_element(reference.begin(), reference.end());
  const double step = (*most - *least) / static_cast<double>(kBins);
  std::vector<double> boundaries;
  for (size_t i = 0; i < kBins; ++i) boundaries.push_back(static_cast<double>(i) * step + *least);
  boundaries.push_back(*most);
  return boundaries;
}

// Values outside the bins share one more bin.
void AddLeftover(Shares& shares) {
  double sum = 0;
  for (const double share : shares.q) sum += share;
  if (1 - sum <= 0) return;
  shares.q.push_back(1 - sum);
  shares.p.push_back(0);
}

Shares OnDoane(std::span<const double> reference, std::span<const double> chunk) {
  Shares shares = OnBoundaries(reference, chunk, HistogramBoundaries(reference, BinRule::kDoane));
  AddLeftover(shares);
  return shares;
}

// Area between the distribution function of `values` and a step at `boundary` after or before all.
double AreaBeyond(std::vector<double> values, double boundary, bool below) {
  values.push_back(boundary);
  std::sort(values.begin(), values.end());
  double area = 0;
  for (size_t i = 0; i + 1 < values.size(); ++i) {
    const double f = D(i + 1) / D(values.size());
    area += (below ? f : 1 - f) * (values[i + 1] - values[i]);
  }
  return area;
}

}  // namespace

double JensenShannon(std::span<const double> reference, std::span<const double> chunk) {
  if (reference.empty() || chunk.empty()) return kNan;
  return JensenShannonOfShares(OnDoane(reference, chunk), kLn2);
}

double JensenShannonOfCategories(std::span<const double> reference, std::span<const double> chunk) {
  if (reference.empty() || chunk.empty()) return kNan;
  Shares shares = ByCategory(reference, chunk);
  Shares known;
  double rest = 0;  // categories that the reference lacks, together
  for (size_t i = 0; i < shares.p.size(); ++i) {
    if (shares.p[i] == 0) {
      rest += shares.q[i];
      continue;
    }
    known.p.push_back(shares.p[i]);
    known.q.push_back(shares.q[i]);
  }
  known.p.push_back(0);
  known.q.push_back(rest);
  return JensenShannonOfShares(known, kLn2);
}

double Hellinger(std::span<const double> reference, std::span<const double> chunk) {
  if (reference.empty() || chunk.empty()) return kNan;
  const Shares shares = OnDoane(reference, chunk);
  double sum = 0;
  for (size_t i = 0; i < shares.p.size(); ++i) {
    const double off = std::sqrt(shares.p[i]) - std::sqrt(shares.q[i]);
    sum += off * off;
  }
  return std::sqrt(sum) / std::sqrt(2.0);
}

double KolmogorovSmirnov(std::span<const double> reference, std::span<const double> chunk) {
  if (reference.size() < kExactMost || chunk.empty()) return StepsToDistance(reference, chunk);
  const std::vector<double> boundaries = EqualBins(reference);
  const Shares shares = OnBoundaries(reference, chunk, boundaries);
  double p = 0;
  double q = D(static_cast<size_t>(std::count_if(
                 chunk.begin(), chunk.end(), [&](double x) { return x < boundaries.front(); }))) /
             D(chunk.size());
  double most = 0;
  for (size_t i = 0; i < shares.p.size(); ++i) {
    p += shares.p[i];
    q += shares.q[i];
    most = std::max(most, std::fabs(p - q));
  }
  return most;
}

double Wasserstein(std::span<const double> reference, std::span<const double> chunk) {
  if (reference.empty() || chunk.empty()) return kNan;
  if (reference.size() < kExactMost) {
    return faultline::Wasserstein(Sorted(reference), Sorted(chunk));
  }
  const std::vector<double> boundaries = EqualBins(reference);
  std::vector<double> below;
  std::vector<double> above;
  for (const double x : chunk) {
    if (x < boundaries.front()) below.push_back(x);
    if (x > boundaries.back()) above.push_back(x);
  }
  const double rows = D(chunk.size());
  const double below_share = below.empty() ? 0 : (D(below.size()) + 1) / rows;
  const double above_share = above.empty() ? 0 : (D(above.size()) + 1) / rows;
  const Shares shares = OnBoundaries(reference, chunk, boundaries);
  double p = 0;
  double q = below_share;
  double area = 0;
  for (size_t i = 0; i < shares.p.size(); ++i) {
    p += shares.p[i];
    q += shares.q[i];
    area += std::fabs(p - q) * (boundaries[1] - boundaries[0]);
  }
  if (!below.empty()) area += below_share * AreaBeyond(below, boundaries.front(), true);
  if (!above.empty()) area += above_share * AreaBeyond(above, boundaries.back(), false);
  return area;
}

double LInfinity(std::span<const double> reference, std::span<const double> chunk) {
  if (reference.empty() || chunk.empty()) return kNan;
  const Shares shares = ByCategory(reference, chunk);
  double most = 0;
  for (size_t i = 0; i < shares.p.size(); ++i) {
    most = std::max(most, std::fabs(shares.p[i] - shares.q[i]));
  }
  return most;
}

Limits LimitsOf(std::span<const double> reference_metrics) {
  if (reference_metrics.empty()) return {kNan, kNan};
  const double mean = Mean(reference_metrics);
  const double deviation = Deviation(reference_metrics);
  return {mean - 3 * deviation, mean + 3 * deviation};
}

}  // namespace nannyml

namespace sagemaker {

double Simple(std::span<const double> baseline, std::span<const double> current) {
  return StepsToDistance(baseline, current);
}

double Robust(std::span<const double> baseline, std::span<const double> current) {
  if (baseline.empty() || current.empty()) return kNan;
  const double n = D(baseline.size());
  const double m = D(current.size());
  return std::max(0.0, Simple(baseline, current) - 1.8 * std::sqrt((n + m) / (n * m)));
}

}  // namespace sagemaker

}  // namespace faultline
