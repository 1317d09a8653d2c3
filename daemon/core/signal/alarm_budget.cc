#include "daemon/core/signal/alarm_budget.h"

#include <algorithm>

#include "daemon/core/signal/signal_state.h"

namespace faultline {

BudgetDivision::BudgetDivision(const ModelSettings& settings,
                               std::span<const WeighedSignals> streams, size_t of) {
  double pinned = 0;
  double weights = 0;
  double pinned_of = 0;
  double weights_of = 0;
  for (size_t stream = 0; stream < streams.size(); ++stream) {
    const auto [signals, weight] = streams[stream];
    double pinned_here = 0;
    double weights_here = 0;
    for (const SignalState& signal : signals) {
      if (!signal.judged()) continue;
      for (const uint16_t index : signal.detectors) {
        const DetectorSettings& detector = settings.detectors[index];
        if (!detector.entry->budgeted) continue;
        (detector.share > 0 ? pinned_here : weights_here) +=
            detector.share > 0 ? detector.share : detector.weight;
      }
    }
    pinned += pinned_here;
    weights += weights_here * weight;
    if (stream == of) {
      pinned_of = pinned_here;
      weights_of = weights_here * weight;
    }
  }
  pinned_factor_ = pinned > 1 ? 1 / pinned : 1;
  const double left = std::max(0.0, 1 - pinned);
  const double by_weight = weights > 0 ? left / weights : 0;
  if (streams.size() > 1) portion_ = pinned_of * pinned_factor_ + weights_of * by_weight;
  weight_factor_ = by_weight * streams[of].weight;
}

double BudgetDivision::ShareOf(const DetectorSettings& detector) const {
  if (!detector.entry->budgeted) return 0;
  return detector.share > 0 ? detector.share * pinned_factor_ : detector.weight * weight_factor_;
}

double BudgetDivision::ThresholdOf(const AlarmBudget& budget, uint64_t ordinal, uint32_t shards) {
  if (!budget.granted()) return std::numeric_limits<double>::infinity();
  double threshold = budget.threshold();
  if (budget.of_deployment) {
    const auto k = static_cast<double>(ordinal);
    threshold *= k * (k + 1) * shards;
  }
  return threshold;
}

PaneEvidence EvidenceOf(const AlarmBudget& budget, const PaneIncrement& increment) {
  PaneEvidence evidence = {.begin_s = static_cast<double>(increment.begin_ns) / 1e9,
                           .end_s = static_cast<double>(increment.end_ns) / 1e9};
  evidence.increment = budget.in_rows
                           ? static_cast<double>(increment.rows)
                           : static_cast<double>(increment.end_ns - increment.begin_ns) / 1e9;
  evidence.threshold = BudgetDivision::ThresholdOf(budget, increment.ordinal, increment.shards);
  return evidence;
}

}  // namespace faultline
