#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>

#include "daemon/core/settings/settings.h"

namespace faultline {

struct SignalState;

// The signals of one stream, and how much more their detectors weigh in the alarm budget than those
// of a stream of weight 1.
struct WeighedSignals {
  std::span<const SignalState> signals;
  double weight = 1;
};

// How the deposits of a pane are divided over the (signal, detector) pairs of a model: pinned
// shares first, the rest by weight. They sum to at most 1 whatever pairs come and go, so the mean
// number of false alarms is at most deposits / threshold. Made anew for every pane, from what is
// there before its values are looked at.
class BudgetDivision {
 public:
  // Over the signals of all streams of a model, for a pane of the stream `of`.
  BudgetDivision(const ModelSettings& settings, std::span<const WeighedSignals> streams, size_t of);
  BudgetDivision() = default;
  // As it was: from factors() of another.
  BudgetDivision(double pinned_factor, double weight_factor)
      : pinned_factor_(pinned_factor), weight_factor_(weight_factor) {}

  // Share of the pane's deposit that the detector gets on each signal it judges; 0 for those that
  // are not on the budget.
  double ShareOf(const DetectorSettings& detector) const;

  // Share of the whole that goes to the stream the pane is of; 1 if the model has no other stream.
  double portion() const { return portion_; }

  // What pinned shares and weights are multiplied with.
  std::pair<double, double> factors() const { return {pinned_factor_, weight_factor_}; }

  // Mass at which evidence is an alarm: the period per false alarm, of all replicas together.
  // Models that share a deployment's budget get the part 1 / (k (k + 1)) of it, where k counts the
  // models of a shard from 1, and a shard its even part: sums to at most 1 without knowing how many
  // there will be, at the price of a logarithm. Infinity if nothing is granted.
  static double ThresholdOf(const AlarmBudget& budget, uint64_t ordinal, uint32_t shards);

 private:
  double pinned_factor_ = 1;
  double weight_factor_ = 0;
  double portion_ = 1;
};

// What a closed pane gives to evidence.
struct PaneEvidence {
  double begin_s = 0;
  double end_s = 0;
  double deposit = 0;  // of the whole model
  double threshold = std::numeric_limits<double>::infinity();
};

// What evidence of a closed pane rests on beside its values, under whatever budget.
struct PaneDeposit {
  int64_t begin_ns = 0;  // event time that it covers; if panes are by rows, from the one before
  int64_t end_ns = 0;
  uint64_t rows = 0;
  uint64_t ordinal = 1;  // see BudgetDivision::ThresholdOf
  uint32_t shards = 1;
  BudgetDivision division;
};
PaneEvidence EvidenceOf(const AlarmBudget& budget, const PaneDeposit& deposit);

}  // namespace faultline
