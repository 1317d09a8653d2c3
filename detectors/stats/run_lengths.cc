#include "detectors/stats/run_lengths.h"

#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "detectors/stats/elementary.h"

namespace faultline {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kPi = 3.14159265358979323846;

struct Node {
  double at;
  double weight;
};

// Gauss-Legendre on [low, high]: roots of the Legendre polynomial by Newton's method.
std::vector<Node> Nodes(size_t count, double low, double high) {
  std::vector<Node> nodes;
  const auto n = static_cast<double>(count);
  const double half = (high - low) / 2;
  for (size_t i = 0; i < count; ++i) {
    const SineAndCosine first = SinCos(kPi * (static_cast<double>(i) + 0.75) / (n + 0.5));
    double x = -first.cosine;
    double slope = 0;
    for (int round = 0; round < 6; ++round) {
      double before = 1;
      double value = x;
      for (size_t degree = 2; degree <= count; ++degree) {
        const auto k = static_cast<double>(degree);
        before = std::exchange(value, ((2 * k - 1) * x * value - (k - 1) * before) / k);
      }
      slope = n * (before - x * value) / (1 - x * x);
      x -= value / slope;
    }
    nodes.push_back({low + half * (1 + x), half * 2 / ((1 - x * x) * slope * slope)});
  }
  return nodes;
}

// Enough nodes for a standard normal density over so many deviations.
size_t NodesFor(double deviations) { return 48 + static_cast<size_t>(6 * deviations); }

double Density(double x) { return Exp(-x * x / 2) / std::sqrt(2 * kPi); }

// Solves rows * x = 1 with pivoting, in place; returns x[0].
double FirstOfSolution(std::vector<std::vector<double>> rows) {
  const size_t size = rows.size();
  std::vector<double> right(size, 1);
  for (size_t k = 0; k < size; ++k) {
    size_t pivot = k;
    for (size_t i = k + 1; i < size; ++i) {
      if (std::fabs(rows[i][k]) > std::fabs(rows[pivot][k])) pivot = i;
    }
    std::swap(rows[k], rows[pivot]);
    std::swap(right[k], right[pivot]);
    for (size_t i = k + 1; i < size; ++i) {
      const double factor = rows[i][k] / rows[k][k];
      if (factor == 0) continue;
      for (size_t j = k + 1; j < size; ++j) rows[i][j] -= factor * rows[k][j];
      right[i] -= factor * right[k];
    }
  }
  for (size_t k = size; k-- > 0;) {
    for (size_t j = k + 1; j < size; ++j) right[k] -= rows[k][j] * right[j];
    right[k] /= rows[k][k];
  }
  return right[0];
}

}  // namespace

double CusumRunLength(double slack, double threshold, double mean) {
  const bool fits = slack >= 0 && slack <= 100 && threshold > 0 && threshold <= 200;
  if (!fits || !std::isfinite(mean)) return kNan;
  const std::vector<Node> nodes = Nodes(NodesFor(threshold), 0, threshold);
  // The first unknown is the start at 0, the reflecting barrier; the others are at the nodes.
  std::vector<std::vector<double>> rows;
  for (size_t i = 0; i <= nodes.size(); ++i) {
    const double start = i == 0 ? 0 : nodes[i - 1].at;
    std::vector<double>& row = rows.emplace_back();
    row.push_back(-NormalQ(start + mean - slack));
    for (const Node& node : nodes) {
      row.push_back(-node.weight * Density(node.at - start - mean + slack));
    }
    row[i] += 1;
  }
  return FirstOfSolution(std::move(rows));
}

double TwoSidedCusumRunLength(double slack, double threshold, double mean) {
  if (!(slack > 0)) return kNan;
  return 1 /
         (1 / CusumRunLength(slack, threshold, mean) + 1 / CusumRunLength(slack, threshold, -mean));
}

double EwmaRunLength(double alpha, double limit, double mean) {
  const bool fits = alpha >= 0.001 && alpha <= 1 && limit > 0 && limit <= 10;
  if (!fits || !std::isfinite(mean)) return kNan;
  const double boundary = limit * std::sqrt(alpha / (2 - alpha));
  const std::vector<Node> nodes = Nodes(NodesFor(2 * boundary / alpha), -boundary, boundary);
  // The first unknown is the start at 0; the others are at the nodes.
  std::vector<std::vector<double>> rows;
  for (size_t i = 0; i <= nodes.size(); ++i) {
    const double start = i == 0 ? 0 : nodes[i - 1].at;
    std::vector<double>& row = rows.emplace_back(1, 0);
    for (const Node& node : nodes) {
      const double off = (node.at - (1 - alpha) * start) / alpha - mean;
      row.push_back(-node.weight * Density(off) / alpha);
    }
    row[i] += 1;
  }
  return FirstOfSolution(std::move(rows));
}

}  // namespace faultline
