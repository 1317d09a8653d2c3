#pragma once

#include <cstdint>
#include <limits>
#include <span>

#include "daemon/core/settings.h"

namespace faultline {

struct SignalState;

// How the deposits of a pane are divided over the (signal, detector) pairs of a model: pinned
// shares first, the rest by weight. They sum to at most 1 whatever pairs come and go, so the mean
// number of false alarms is at most deposits / threshold. Made anew for every pane, from what is
// there before its values are looked at.
class BudgetDivision {
 public:
  BudgetDivision(const ModelSettings& settings, std::span<const SignalState> signals);

  // Share of the pane's deposit that the detector gets on each signal it judges; 0 for those that
  // are not on the budget.
  double ShareOf(const DetectorSettings& detector) const;

  // Mass at which evidence is an alarm: the period per false alarm, of all replicas together.
  // Models that share a deployment's budget get the part 1 / (k (k + 1)) of it, where k counts the
  // models of a shard from 1, and a shard its even part: sums to at most 1 without knowing how many
  // there will be, at the price of a logarithm. Infinity if nothing is granted.
  static double ThresholdOf(const AlarmBudget& budget, uint64_t ordinal, uint32_t shards);

 private:
  double pinned_factor_ = 1;
  double weight_factor_ = 0;
};

// What a closed pane gives to evidence.
struct PaneEvidence {
  double begin_s = 0;
  double end_s = 0;
  double deposit = 0;  // of the whole model
  double threshold = std::numeric_limits<double>::infinity();
};

}  // namespace faultline
