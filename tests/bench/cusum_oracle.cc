#include "tests/bench/cusum_oracle.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

namespace faultline::bench {
namespace {

// Probability of a step from a state to another that is not past the threshold.
using Chain = std::function<double(int from, int to)>;

// Mean number of steps from state 0 to past the threshold.
double RunLength(int states, const Chain& chain) {
  std::vector<std::vector<double>> a(states, std::vector<double>(states + 1));
  for (int i = 0; i < states; ++i) {
    for (int j = 0; j < states; ++j) a[i][j] = (i == j ? 1 : 0) - chain(i, j);
    a[i][states] = 1;
  }
  // Gauss; rows are dominated by their diagonal.
  for (int k = 0; k < states; ++k) {
    for (int i = k + 1; i < states; ++i) {
      const double factor = a[i][k] / a[k][k];
      if (factor == 0) continue;
      for (int j = k; j <= states; ++j) a[i][j] -= factor * a[k][j];
    }
  }
  std::vector<double> x(states);
  for (int i = states - 1; i >= 0; --i) {
    double sum = a[i][states];
    for (int j = i + 1; j < states; ++j) sum -= a[i][j] * x[j];
    x[i] = sum / a[i][i];
  }
  return x[0];
}

constexpr int kStates = 400;

double NormalBelow(double x) { return std::erfc(-x / std::sqrt(2.0)) / 2; }

// States stand for the middle of intervals of the log-likelihood ratio of N(shift, 1) to N(0, 1);
// the first for everything up to half an interval.
double NormalRunLength(double shift, double mean, double threshold) {
  const double w = 2 * threshold / (2 * kStates - 1);
  const auto law = [&](double step) {
    return NormalBelow((step - (shift * mean - shift * shift / 2)) / shift);
  };
  return RunLength(kStates, [&](int i, int j) {
    return law((j - i) * w + w / 2) - (j == 0 ? 0 : law((j - i) * w - w / 2));
  });
}

// States are exact: a 1 goes up by `up` of them, a 0 down by `down`.
double LatticeRunLength(int up, int down, double share, int states) {
  return RunLength(states, [&](int i, int j) {
    return (j == i + up ? share : 0) + (j == std::max(0, i - down) ? 1 - share : 0);
  });
}

}  // namespace

CusumOracle NormalCusum(double shift, double run_length) {
  double low = 0.1;
  double high = std::log(run_length) + 6;
  for (int i = 0; i < 18; ++i) {
    const double middle = (low + high) / 2;
    (NormalRunLength(shift, 0, middle) < run_length ? low : high) = middle;
  }
  return {high, NormalRunLength(shift, 0, high), NormalRunLength(shift, shift, high)};
}

CusumOracle BernoulliCusum(double p, double q, double run_length) {
  const double up = std::log(q / p);
  const double down = std::log((1 - p) / (1 - q));
  const double highest = std::log(run_length);
  const int fine = std::clamp(static_cast<int>(kStates * down / highest), 1, 10);
  const int steps_up = static_cast<int>(std::lround(fine * up / down));
  int low = 1;
  int high = static_cast<int>(highest * fine / down);
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    (LatticeRunLength(steps_up, fine, p, middle) < run_length ? low : high) = middle;
  }
  return {high * down / fine, LatticeRunLength(steps_up, fine, p, high),
          LatticeRunLength(steps_up, fine, q, high)};
}

}  // namespace faultline::bench
