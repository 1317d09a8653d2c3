#include "detectors/evidence/e_detector.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "detectors/stats/elementary.h"

namespace faultline {
namespace {

constexpr double kMassMax = 1e300;

}  // namespace

void AddIncrement(DetectorForm form, std::span<const double> weights, double increment,
                  double time_s, std::span<BetState> bets) {
  for (size_t k = 0; k < bets.size(); ++k) {
    BetState& bet = bets[k];
    const double part = weights[k] * increment;
    if (!(part > 0)) continue;
    if (form == DetectorForm::kCusum) {
      if (bet.mass < part) bet = {part, time_s, 0};
      continue;
    }
    const double sum = bet.mass + part;
    const double share = part / sum;
    const double off = time_s - bet.start_mean;
    bet.start_variance = (1 - share) * (bet.start_variance + share * off * off);
    bet.start_mean += share * off;
    bet.mass = sum;
  }
}

void Multiply(std::span<const double> log_values, std::span<BetState> bets) {
  constexpr size_t kBlock = 32;
  std::array<double, kBlock> factors;
  for (size_t begin = 0; begin < bets.size(); begin += kBlock) {
    const size_t count = std::min(kBlock, bets.size() - begin);
    std::copy_n(log_values.begin() + static_cast<std::ptrdiff_t>(begin), count, factors.begin());
    ExpAll({factors.data(), count});
    for (size_t k = 0; k < count; ++k) {
      BetState& bet = bets[begin + k];
      bet.mass = std::min(bet.mass * factors[k], kMassMax);
    }
  }
}

double TotalMass(std::span<const BetState> bets) {
  double sum = 0;
  for (const BetState& bet : bets) sum += bet.mass;
  return sum;
}

ChangeTime EstimateChange(std::span<const BetState> bets) {
  const double total = TotalMass(bets);
  if (!(total > 0)) return {};
  double mean = 0;
  for (const BetState& bet : bets) mean += bet.mass / total * bet.start_mean;
  double variance = 0;
  for (const BetState& bet : bets) {
    const double off = bet.start_mean - mean;
    variance += bet.mass / total * (bet.start_variance + off * off);
  }
  return {mean, std::sqrt(variance)};
}

void Clear(std::span<BetState> bets) { std::fill(bets.begin(), bets.end(), BetState()); }

double LogMix(std::span<const double> weights, std::span<const double> log_values) {
  double largest = -std::numeric_limits<double>::infinity();
  for (size_t k = 0; k < weights.size(); ++k) {
    if (weights[k] > 0) largest = std::max(largest, log_values[k]);
  }
  if (!std::isfinite(largest)) return largest;
  double sum = 0;
  for (size_t k = 0; k < weights.size(); ++k) {
    if (weights[k] > 0) sum += weights[k] * Exp(log_values[k] - largest);
  }
  return largest + Log(sum);
}

}  // namespace faultline
