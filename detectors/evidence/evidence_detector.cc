#include "detectors/evidence/evidence_detector.h"

#include <string_view>
#include <utility>

#include "detectors/contract/judgement.h"

namespace faultline {

Obstacle ObstacleOf(const Summary& reference) {
  const std::string_view missing = MissingShape(reference);
  return {missing.empty() ? MissingRows(reference.values(), 0, 0) : std::string(missing)};
}

Verdict EvidenceDetector::Follow(const FollowInput& input, std::span<std::byte> state) const {
  Ledger ledger(layout_, input, state);
  Obstacle obstacle = ObstacleTo(input);
  if (obstacle.why.empty()) return Judge(input, &ledger);
  return obstacle.lasting ? ledger.Inapplicable(std::move(obstacle.why))
                          : ledger.CannotTell(std::move(obstacle.why));
}

}  // namespace faultline
