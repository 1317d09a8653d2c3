#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "detectors/contract/detector.h"
#include "detectors/evidence/ledger.h"

namespace faultline {

// Why a kind cannot judge a signal.
struct Obstacle {
  std::string why = {};  // empty: it can
  // No more rows of live traffic will remove it: this reference is not for this kind.
  bool lasting = false;
};

// The reference has no usable value, or too few.
Obstacle ObstacleOf(const Summary& reference);

// A follow detector whose verdict is evidence against the alarm budget: what all such kinds have in
// common. It opens the ledger, asks for an obstacle, and else lets the kind judge the pane.
class EvidenceDetector : public FollowDetector {
 public:
  explicit EvidenceDetector(const Ledger::Layout& layout) : layout_(layout) {}

  size_t state_bytes() const final { return Ledger::Bytes(layout_); }
  void Start(std::span<std::byte> state) const final { Ledger::Start(layout_, state); }
  Verdict Follow(const FollowInput& input, std::span<std::byte> state) const final;

 protected:
  virtual Obstacle ObstacleTo(const FollowInput& input) const {
    return ObstacleOf(input.reference);
  }
  // Bets on the pane and notes its effect in the ledger, then finishes it; may still find that it
  // cannot tell.
  virtual Verdict Judge(const FollowInput& input, Ledger* ledger) const = 0;

 private:
  const Ledger::Layout layout_;
};

}  // namespace faultline
