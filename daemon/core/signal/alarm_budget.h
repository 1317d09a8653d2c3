#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>

#include "daemon/core/settings/settings.h"

namespace faultline {

struct SignalState;

// The signals of one stream, with the factor on the weights of their detectors in the alarm budget.
struct WeighedSignals {
  std::span<const SignalState> signals;
  double weight = 1;
};

// Division of a pane's budget increment over the (signal, detector) pairs of a model: pinned shares
// first, the rest by weight. Shares sum to at most 1 whichever pairs exist, so the mean number of
// false alarms is at most the sum of the increments / threshold. Made for every pane before its
// values are seen.
class BudgetDivision {
 public:
  // Over the signals of all streams of a model, for a pane of the stream `of`.
  BudgetDivision(const ModelSettings& settings, std::span<const WeighedSignals> streams, size_t of);
  BudgetDivision() = default;
  // From the stored factors() of an earlier division.
  BudgetDivision(double pinned_factor, double weight_factor)
      : pinned_factor_(pinned_factor), weight_factor_(weight_factor) {}

  // Share of the pane's increment that the detector gets on each signal; 0 for detectors that are
  // not on the budget.
  double ShareOf(const DetectorSettings& detector) const;

  // Share of the increment that goes to the pane's stream; 1 if the model has no other stream.
  double portion() const { return portion_; }

  // Factors on pinned shares and on weights.
  std::pair<double, double> factors() const { return {pinned_factor_, weight_factor_}; }

  // Evidence at which a detector alarms: the period per false alarm, over all replicas. A
  // deployment's budget is divided evenly over shards; model k of a shard (from 1) gets 1 / (k (k +
  // 1)) of the shard's part. These sum to at most 1 without knowing the number of models; the price
  // is logarithmic. Infinity if no false alarms are granted.
  static double ThresholdOf(const AlarmBudget& budget, uint64_t ordinal, uint32_t shards);

 private:
  double pinned_factor_ = 1;
  double weight_factor_ = 0;
  double portion_ = 1;
};

// A closed pane's input to evidence.
struct PaneEvidence {
  double begin_s = 0;
  double end_s = 0;
  double increment = 0;  // budget increment of the whole model
  double threshold = std::numeric_limits<double>::infinity();
};

// Everything besides its values that a closed pane contributes to evidence, independent of the
// budget.
struct PaneIncrement {
  int64_t begin_ns = 0;  // event time covered; panes by rows begin at the end of the previous one
  int64_t end_ns = 0;
  uint64_t rows = 0;
  uint64_t ordinal = 1;  // see BudgetDivision::ThresholdOf
  uint32_t shards = 1;
  BudgetDivision division;
};
PaneEvidence EvidenceOf(const AlarmBudget& budget, const PaneIncrement& increment);

}  // namespace faultline
