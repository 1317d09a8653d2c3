#include "detectors/evidence/evidence_detector.h"

#include <utility>

#include "detectors/contract/judgement.h"

namespace faultline {

Obstacle ObstacleOf(const Summary& reference) {
  Verdict verdict;
  const bool usable =
      HasShape(reference, &verdict) && HasRows(reference.values(), 0, {.rows_min = 0}, &verdict);
  return {.why = usable ? "" : std::move(verdict.detail)};
}

Verdict EvidenceDetector::Follow(const FollowInput& input, std::span<std::byte> state) const {
  Ledger ledger(layout_, input, state);
  Obstacle obstacle = ObstacleTo(input);
  if (obstacle.why.empty()) return Judge(input, &ledger);
  return obstacle.lasting ? ledger.Inapplicable(std::move(obstacle.why))
                          : ledger.CannotTell(std::move(obstacle.why));
}

}  // namespace faultline
