#pragma once

#include <memory>
#include <string>
#include <vector>

#include "detectors/contract/detector.h"

namespace faultline::bench {

struct BudgetedKind {
  std::string name;
  std::shared_ptr<const FollowDetector> follow;
};

// The kinds on the alarm budget that judge numbers and are in the default suite, with their default
// options; with_scores: conformal_change too, which is made for scores.
std::vector<BudgetedKind> BudgetedKinds(bool with_scores);

}  // namespace faultline::bench
