#pragma once

#include <span>
#include <string>

#include "daemon/core/incident/triage.h"

namespace faultline {

// One rule of a cause: a finding for or against it, with a weight. `finds` returns the finding in
// words, or empty. `signal`: null for rules about the model as a whole.
struct TriageRule {
  bool speaks_for;
  double weight;
  bool per_signal;
  std::string (*finds)(const TriageFacts& facts, const SignalFinding* signal);
};

// A cause with its rules and texts.
struct CauseRow {
  v1::Cause cause;
  v1::FailureMode failure_mode;
  const char* title;      // "values are missing"
  const char* next_step;  // an imperative, without a full stop
  std::span<const TriageRule> rules;
};

// The table: one row per cause. Detectors add further causes (CatalogEntry::cause).
std::span<const CauseRow> CauseTable();

// Detail of the signal's detector that identifies the cause; empty if there is none.
std::string SaidOf(v1::Cause cause, const SignalFinding& signal);

}  // namespace faultline
