#include "detectors/evidence/sums.h"

#include <algorithm>
#include <cmath>

namespace faultline {

PaneSums::PaneSums(const FollowInput& input)
    : values_(std::max(1.0, static_cast<double>(input.pane.values()))),
      begin_s_(input.begin_s),
      length_s_(input.end_s - input.begin_s),
      mean_(input.reference.moments().mean()),
      deviation_(std::sqrt(input.reference.moments().variance())) {
  if (input.law.hours.empty()) return;
  const auto& hour = input.law.hours[input.law.HourOf(begin_s_ + length_s_ / 2)];
  mean_ += hour.mean * deviation_;
  deviation_ *= hour.deviation;
  hour_error_ = std::sqrt(input.law.mean_dispersion / hour.rows);
}

double PaneSums::Sum(const SubSum& run) const {
  return (static_cast<double>(run.sum) / kUnit - run.count * mean_) / deviation_;
}

double PaneSums::SumOfSquares(const SubSum& run) const {
  const double square = static_cast<double>(run.sum_of_squares) / (kUnit * kUnit);
  const double sum = static_cast<double>(run.sum) / kUnit;
  return std::max(0.0, square - 2 * mean_ * sum + run.count * mean_ * mean_) /
         (deviation_ * deviation_);
}

double PaneSums::TimeAfter(const SubSum& run) const {
  seen_ += run.count;
  return begin_s_ + length_s_ * seen_ / values_;
}

double PaneSums::ExtraCost(double rate) const {
  return ReferenceLaw::kReferenceErrors * std::fabs(rate) * hour_error_;
}

Obstacle ObstacleToSums(const FollowInput& input) {
  Obstacle obstacle = ObstacleOf(input.reference);
  obstacle.lasting = !(input.reference.moments().variance() > 0);
  if (obstacle.lasting && obstacle.why.empty()) {
    obstacle.why = "the reference is constant: its standard deviation is 0";
  }
  return obstacle;
}

bool ShareOut(std::span<const TiltedBet> bets, std::span<double> weights) {
  const auto used = std::count_if(bets.begin(), bets.end(),
                                  [](const TiltedBet& bet) { return std::isfinite(bet.cost); });
  for (size_t k = 0; k < bets.size(); ++k) {
    weights[k] = std::isfinite(bets[k].cost) ? 1.0 / static_cast<double>(used) : 0;
  }
  return used > 0;
}

}  // namespace faultline
