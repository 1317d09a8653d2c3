#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/core/settings/budget.h"
#include "detectors/contract/detector.h"
#include "faultline/v1/event.pb.h"
#include "faultline/v1/reference.pb.h"

namespace faultline {

// The view of a model for readers (metrics, model status): made by the core, immutable, published
// only after the commit that holds it.

struct DetectorReading {
  std::string_view detector;  // from the catalog
  Verdict verdict;
  std::shared_ptr<const Verdict> peak;  // of the alert that fires, otherwise null
  uint32_t pending_panes = 0;           // panes in a row over the threshold; 0 = no pending alert
  uint32_t fire_panes = 0;              // panes in a row with which the alert fires
  bool firing = false;                  // its alert is firing
  bool unbudgeted = true;
};

struct SignalReading {
  std::string name;
  uint8_t type = 0;  // v1::SignalType
  v1::ColumnRole role = v1::COLUMN_ROLE_FEATURE;
  bool derived = false;
  VerdictState state = VerdictState::kCannotTell;  // alarm over cannot tell over quiet
  std::string missing;                             // if it cannot tell
  uint64_t reference_rows = 0;
  uint64_t window_rows = 0;
  double missing_ratio = kUnset;       // of the window
  double out_of_range_ratio = kUnset;  // numeric
  double unseen_ratio = kUnset;        // categorical
  std::vector<DetectorReading> readings;
};

struct ModelTotals {
  uint64_t applied_rows = 0;
  uint64_t late_rows = 0;
  uint64_t rejected_rows = 0;
  uint64_t client_dropped_rows = 0;
  uint64_t panes_closed = 0;
  uint64_t verdicts = 0;
  uint64_t budget_alarms = 0;  // alarms of detectors on the alarm budget
  // Sum of the budget increments, each over the threshold in force: an upper bound on the mean
  // number of false alarms so far, however the budget changed.
  double mean_false_alarms_max = 0;
  int64_t last_event_ns = 0;

  // Adds the totals of another stream of the model.
  void Add(const ModelTotals& other) {
    applied_rows += other.applied_rows;
    late_rows += other.late_rows;
    rejected_rows += other.rejected_rows;
    client_dropped_rows += other.client_dropped_rows;
    panes_closed += other.panes_closed;
    verdicts += other.verdicts;
    budget_alarms += other.budget_alarms;
    mean_false_alarms_max += other.mean_false_alarms_max;
    last_event_ns = std::max(last_event_ns, other.last_event_ns);
  }
  bool operator==(const ModelTotals&) const = default;
};

// Renewed when a pane closes, or signals, references or alerts change.
struct ModelSignals {
  std::vector<SignalReading> signals;
  int64_t evaluated_ns = 0;    // event time at the end of the newest closed pane; 0 = none yet
  uint64_t learning_rows = 0;  // rows learnt so far, while learning
  uint64_t learn_rows = 0;     // rows to learn
  std::vector<v1::Reference> references;  // for ListReferences, newest first
  v1::RollingReference rolling;           // for ListReferences

  // Adds the signals of another stream of the model. References stay those of the first.
  void Add(const ModelSignals& other) {
    signals.insert(signals.end(), other.signals.begin(), other.signals.end());
    evaluated_ns = std::max(evaluated_ns, other.evaluated_ns);
    learning_rows = std::max(learning_rows, other.learning_rows);
    learn_rows = std::max(learn_rows, other.learn_rows);
  }
};

struct FiringAlert {
  std::string signal;
  std::string detector;
  std::string severity;  // "info", "warning", "critical"
  bool silenced = false;
};

struct ModelSnapshot {
  std::string name;
  std::string version;
  ModelTotals totals;
  std::shared_ptr<const ModelSignals> signals;
  std::vector<FiringAlert> alerts;
  std::vector<std::pair<std::string, std::string>> labels;  // of the owner
  uint32_t incidents_open = 0;
  uint64_t incidents_total = 0;
  int64_t silenced_until_ns = 0;
  double budget_threshold = kUnset;  // seconds or rows per false alarm; NaN: no alarm budget
  AlarmBudget budget;                // from which the threshold follows
  int64_t deployed_ns = 0;           // newest deploy marker; 0 = none
};

}  // namespace faultline
