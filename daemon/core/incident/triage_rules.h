#pragma once

#include <span>
#include <string>

#include "daemon/core/incident/triage.h"

namespace faultline {

// One rule of a cause: something that is found speaks for or against it, with a weight. `finds`
// says in words what it found, or nothing. `signal`: null for rules about the model as a whole.
struct TriageRule {
  bool speaks_for;
  double weight;
  bool per_signal;
  std::string (*finds)(const TriageFacts& facts, const SignalFinding* signal);
};

// A cause that triage has rules for, and what is said of it.
struct CauseRow {
  v1::Cause cause;
  v1::FailureMode failure_mode;
  const char* title;      // "values are missing"
  const char* next_step;  // an order, without a full stop
  std::span<const TriageRule> rules;
};

// The table: one row a cause. Detectors bring further causes (CatalogEntry::cause).
std::span<const CauseRow> CauseTable();

// What a detector says of the cause; empty if none of the signal's does.
std::string SaidOf(v1::Cause cause, const SignalFinding& signal);

}  // namespace faultline
