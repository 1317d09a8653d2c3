#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <span>

#include "detectors/contract/detector.h"
#include "detectors/contract/judgement.h"
#include "detectors/evidence/evidence_detector.h"
#include "detectors/evidence/reference_law.h"

namespace faultline {

// The sub-sums of a pane, standardised for bets: in standard deviations of the reference from its
// mean or, with a season, those of the hour in which the middle of the pane lies.
class PaneSums {
 public:
  explicit PaneSums(const FollowInput& input);

  // Sum of the standardised values of a run, and of their squares.
  double Sum(const SubSum& run) const;
  double SumOfSquares(const SubSum& run) const;
  // Share of the pane's values that are in the run.
  double Share(const SubSum& run) const { return run.count / values_; }
  // Event time at the end of the run, assuming evenly spaced values; call once per run, in order.
  double TimeAfter(const SubSum& run) const;
  // Extra cost per value of a bet with this rate, because an hour's mean comes from few rows.
  double ExtraCost(double rate) const;

 private:
  double values_;
  double begin_s_;
  double length_s_;
  mutable double seen_ = 0;
  double mean_;       // in the shape's scale, from its centre
  double deviation_;  // likewise
  double hour_error_ = 0;
};

// As ObstacleOf, and the reference must not be constant.
Obstacle ObstacleToSums(const FollowInput& input);

// Gives equal weights to the usable bets; false if no bet is usable.
bool ShareOut(std::span<const TiltedBet> bets, std::span<double> weights);

// Reads `tolerance` from options that have one; 0 if unset. INVALID_ARGUMENT unless 0 or more.
template <typename Options>
absl::StatusOr<double> ReadTolerance(const char* kind, const Options& options) {
  const double tolerance = options.has_tolerance() ? options.tolerance() : 0;
  if (!(tolerance >= 0 && tolerance <= 1e6)) return OptionError(kind, "tolerance", "0 to 1e6");
  return tolerance;
}

}  // namespace faultline
