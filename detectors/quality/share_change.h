#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <span>
#include <string>

#include "detectors/contract/detector.h"
#include "detectors/contract/judgement.h"
#include "detectors/evidence/evidence_detector.h"

namespace faultline {

// What is counted: `count` of `rows`, in the pane and in the reference.
struct Share {
  double count = 0;
  double rows = 0;
  double reference_count = 0;  // may exceed what was observed: unseen outcomes have a share too
  double reference_rows = 0;
  double dispersion = 1;
};

// Detects a lasting change of a share of rows. Bets: likelihood ratios against the end of the
// interval that the reference allows for the share, valid for every share inside. A kind defines
// what is counted.
class ShareChange : public EvidenceDetector {
 public:
  struct Kind {
    const char* name;
    uint32_t tag;      // of its state
    const char* what;  // what is counted, such as "missing"
    bool both_ways;    // else up only
  };

  // `tolerance`: a change of the share up to which nothing has changed.
  ShareChange(const Kind& kind, double tolerance);

 protected:
  // The rows needed depend on what is counted, so Judge checks them.
  Obstacle ObstacleTo(const FollowInput& /*input*/) const final { return {}; }
  Verdict Judge(const FollowInput& input, Ledger* ledger) const final;
  virtual Share ShareOf(const FollowInput& input) const = 0;
  // Why this reference does not suit this kind; empty if it does.
  virtual std::string WhyInapplicable(const FollowInput& /*input*/) const { return ""; }

 private:
  struct Open;
  Open OpenFor(const Share& share) const;
  void Bet(const Share& share, const Open& open, const FollowInput& input, Ledger* ledger) const;

  const Kind kind_;
  const double tolerance_;
};

// Number of ones in a summary of numbers that are all 0 or 1. Exact.
double CountOnes(const Summary& summary);
// The same as a share of the values.
Share ShareOfOnes(const FollowInput& input);

// Reads `tolerance` from options that have one, as a share: 0 if unset. INVALID_ARGUMENT unless 0
// or more and below 1.
template <typename Options>
absl::StatusOr<double> ReadShareTolerance(const char* kind, const Options& options) {
  const double tolerance = options.has_tolerance() ? options.tolerance() : 0;
  if (!(tolerance >= 0 && tolerance < 1)) return OptionError(kind, "tolerance", "0 to 1");
  return tolerance;
}

}  // namespace faultline
