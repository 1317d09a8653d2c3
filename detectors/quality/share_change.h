#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <span>
#include <string>

#include "detectors/contract/detector.h"
#include "detectors/contract/judgement.h"
#include "detectors/evidence/evidence_detector.h"

namespace faultline {

// What is counted of a pane: `count` of `rows`, here and in the reference.
struct Share {
  double count = 0;
  double rows = 0;
  double reference_count = 0;  // more than was seen, where what was not seen has a share too
  double reference_rows = 0;
  double dispersion = 1;
};

// Sees a lasting change of a share of rows. Bets: likelihood ratios of a share against the end of
// the interval that the reference leaves open for it, which hold for every share inside. A kind
// says what is counted.
class ShareChange : public EvidenceDetector {
 public:
  struct Kind {
    const char* name;
    uint32_t tag;      // of its state
    const char* what;  // is counted: "missing"
    bool both_ways;    // else up only
  };

  // `tolerance`: a change of the share that counts as none.
  ShareChange(const Kind& kind, double tolerance);

 protected:
  // What it needs of the reference depends on what is counted: Judge looks.
  Obstacle ObstacleTo(const FollowInput& /*input*/) const final { return {}; }
  Verdict Judge(const FollowInput& input, Ledger* ledger) const final;
  virtual Share ShareOf(const FollowInput& input) const = 0;
  // Why this reference is not for this kind; empty if it is.
  virtual std::string WhyInapplicable(const FollowInput& /*input*/) const { return ""; }

 private:
  struct Open;
  Open OpenFor(const Share& share) const;
  void Bet(const Share& share, const Open& open, const FollowInput& input, Ledger* ledger) const;

  const Kind kind_;
  const double tolerance_;
};

// The values of a summary of numbers that are 1, if all are 0 or 1. Exact.
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
