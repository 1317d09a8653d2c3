#pragma once

#include <span>
#include <string>

#include "daemon/core/incident/triage.h"

namespace faultline {

// One rule: what is found speaks for or against a cause, with a weight. `finds` says in words what
// it found, or nothing. `signal`: null for rules about the model as a whole.
struct TriageRule {
  v1::Cause cause;
  bool speaks_for;
  double weight;
  bool per_signal;
  std::string (*finds)(const TriageFacts& facts, const SignalFinding* signal);
};

// The table.
std::span<const TriageRule> TriageRules();

// What is said of a cause.
struct CauseWords {
  v1::Cause cause;
  v1::FailureMode mode;
  const char* title;      // "values are missing"
  const char* next_step;  // an order, without a full stop
};
// Never null for a cause of the table.
const CauseWords* WordsOf(v1::Cause cause);
std::span<const CauseWords> AllCauseWords();

}  // namespace faultline
