#include "daemon/core/incident/triage_rules.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include <algorithm>
#include <cmath>

#include "daemon/core/incident/incident_words.h"

namespace faultline {
namespace {

constexpr int64_t kHour = 3'600LL * 1'000'000'000;
constexpr int64_t kMinute = 60LL * 1'000'000'000;

// Limits above which a share is a finding.
constexpr double kMissingGrowth = 0.02;
constexpr double kInvalidGrowth = 0.002;
constexpr double kUnseenShare = 0.02;
constexpr double kLossShare = 0.02;
constexpr double kWideShare = 0.3;  // of the inputs
constexpr int64_t kDeployBeforeNs = 2 * kHour;
constexpr int64_t kDeployAfterNs = 10 * kMinute;

bool IsInput(const SignalFinding& signal) {
  return signal.role == v1::COLUMN_ROLE_FEATURE || signal.role == v1::COLUMN_ROLE_UNSPECIFIED;
}
bool IsOutput(const SignalFinding& signal) {
  return signal.role == v1::COLUMN_ROLE_PREDICTION ||
         signal.role == v1::COLUMN_ROLE_PREDICTION_SCORE;
}
bool IsService(const SignalFinding& signal) {
  return signal.role == v1::COLUMN_ROLE_LATENCY || signal.role == v1::COLUMN_ROLE_STATUS;
}
bool MissesValues(const SignalFinding& signal) {
  return signal.sent && signal.missing_is - signal.missing_was >= kMissingGrowth;
}
bool HasInvalid(const SignalFinding& signal) {
  return signal.invalid_is - signal.invalid_was >= kInvalidGrowth;
}
bool IsInAnotherUnit(const SignalFinding& signal) {
  return signal.factor != 0 || !SaidOf(v1::CAUSE_UNIT_CHANGE, signal).empty();
}
// The pipeline delivers wrong values, whatever their distribution.
bool IsBroken(const SignalFinding& signal) {
  return !signal.sent || MissesValues(signal) || HasInvalid(signal) || !signal.stuck_at.empty() ||
         IsInAnotherUnit(signal) || !signal.written_is.empty();
}
// These shift the shares of the other cells.
bool HasNewCategories(const SignalFinding& signal) {
  return !signal.numeric && !IsService(signal) && signal.unseen_is >= kUnseenShare;
}
bool Any(const TriageFacts& facts, bool (*holds)(const SignalFinding&)) {
  return std::any_of(facts.signals.begin(), facts.signals.end(), holds);
}
std::string Says(const SignalFinding* signal) {
  return absl::StrCat(signal->name, " ", signal->finding);
}

std::string ValuesMissing(const TriageFacts&, const SignalFinding* signal) {
  if (!MissesValues(*signal)) return {};
  return absl::StrCat(signal->name, " is missing in ", ShareWords(signal->missing_is),
                      " of rows (reference ", ShareWords(signal->missing_was), ")");
}

std::string ValuesInvalid(const TriageFacts&, const SignalFinding* signal) {
  if (!HasInvalid(*signal)) return {};
  return absl::StrCat(signal->name, " is NaN or infinite in ", ShareWords(signal->invalid_is),
                      " of rows (reference ", ShareWords(signal->invalid_was), ")");
}

bool IsBrokenInput(const SignalFinding& signal) { return IsInput(signal) && IsBroken(signal); }

std::string ValueStuck(const TriageFacts& facts, const SignalFinding* signal) {
  if (signal->stuck_at.empty()) return {};
  // An output stuck by broken inputs is not a cause.
  if (IsOutput(*signal) && Any(facts, IsBrokenInput)) return {};
  return absl::StrCat(signal->name, " is ", signal->stuck_at,
                      " in every row of the newest pane, and used to vary");
}

std::string UnitChanged(const TriageFacts&, const SignalFinding* signal) {
  // Load multiplies latencies; that is not a change of unit.
  if (!IsInAnotherUnit(*signal) || IsService(*signal)) return {};
  if (signal->factor == 0) return SaidOf(v1::CAUSE_UNIT_CHANGE, *signal);
  return absl::StrFormat("%s is about %.3g times its earlier value, in both centre and spread",
                         signal->name, signal->factor);
}

// A source in another unit multiplies its own columns by one factor and leaves the others alone.
std::string OthersMovedOtherwise(const TriageFacts& facts, const SignalFinding*) {
  constexpr int kOthersMin = 3;
  int scaled = 0;
  int others = 0;
  for (const SignalFinding& signal : facts.signals) {
    if (!IsInput(signal)) continue;
    if (IsInAnotherUnit(signal)) ++scaled;
    if (signal.shift && !IsBroken(signal)) ++others;
  }
  if (scaled == 0 || others < kOthersMin * scaled) return {};
  return absl::StrCat(others, " other inputs moved too, and not by a factor");
}

std::string ColumnGone(const TriageFacts&, const SignalFinding* signal) {
  if (signal->sent) return {};
  return absl::StrCat("no row of the newest pane has the column ", signal->name);
}

std::string WrittenOtherwise(const TriageFacts&, const SignalFinding* signal) {
  if (signal->written_is.empty()) return {};
  return absl::StrCat(signal->name, " has \"", signal->written_is, "\" where the reference has \"",
                      signal->written_was, "\"");
}

std::string NewCategories(const TriageFacts&, const SignalFinding* signal) {
  if (!HasNewCategories(*signal)) return {};
  return absl::StrCat(signal->name, " has categories that the reference does not have in ",
                      ShareWords(signal->unseen_is), " of rows");
}

std::string TagMoved(const TriageFacts&, const SignalFinding* signal) {
  if (signal->role != v1::COLUMN_ROLE_TAG || !signal->shift || IsBroken(*signal)) return {};
  return absl::StrCat("the tag ", Says(signal));
}

std::string CategoriesMoved(const TriageFacts&, const SignalFinding* signal) {
  if (!IsInput(*signal) || signal->numeric || !signal->shift) return {};
  if (IsBroken(*signal) || HasNewCategories(*signal)) return {};
  return absl::StrCat("the shares of known categories changed: ", Says(signal));
}

std::string ManyInputsMoved(const TriageFacts& facts, const SignalFinding*) {
  if (facts.inputs_moved < 3 || facts.inputs_moved < kWideShare * facts.inputs) return {};
  return absl::StrCat(facts.inputs_moved, " of ", facts.inputs, " inputs moved together");
}

std::string NoTagMoved(const TriageFacts& facts, const SignalFinding*) {
  const bool moved = Any(facts, [](const SignalFinding& signal) {
    return signal.role == v1::COLUMN_ROLE_TAG && signal.shift;
  });
  if (facts.tags == 0 || moved) return {};
  return facts.tags == 1 ? "the only tag did not move"
                         : absl::StrCat("none of the ", facts.tags, " tags moved");
}

std::string SomeTagMoved(const TriageFacts& facts, const SignalFinding*) {
  for (const SignalFinding& signal : facts.signals) {
    if (!TagMoved(facts, &signal).empty()) {
      return absl::StrCat("the tag ", signal.name, " moved too: other callers explain it");
    }
  }
  return {};
}

std::string InputMoved(const TriageFacts&, const SignalFinding* signal) {
  if (!IsInput(*signal) || !signal->shift) return {};
  if (IsBroken(*signal) || HasNewCategories(*signal)) return {};
  return Says(signal);
}

std::string InputsBroken(const TriageFacts& facts, const SignalFinding*) {
  for (const SignalFinding& signal : facts.signals) {
    if (IsBrokenInput(signal)) {
      return absl::StrCat(signal.name, " has a data quality fault, which comes first");
    }
  }
  return {};
}

std::string RowsUnusual(const TriageFacts&, const SignalFinding* signal) {
  if (!signal->anomaly) return {};
  return Says(signal);
}

std::string InputsMovedToo(const TriageFacts& facts, const SignalFinding*) {
  if (facts.inputs_moved == 0) return {};
  return absl::StrCat(facts.inputs_moved, facts.inputs_moved == 1 ? " input" : " inputs",
                      " moved too, which may explain it");
}

std::string OutputMoved(const TriageFacts&, const SignalFinding* signal) {
  if (!IsOutput(*signal) || !(signal->shift || signal->quality)) return {};
  return Says(signal);
}

std::string OnlyOutputsMoved(const TriageFacts& facts, const SignalFinding*) {
  if (facts.outputs_moved == 0 || facts.inputs_moved > 0 || facts.inputs == 0) return {};
  return absl::StrCat("none of the ", facts.inputs, " inputs moved");
}

std::string ServiceChanged(const TriageFacts&, const SignalFinding* signal) {
  if (!IsService(*signal) || !SaidOf(v1::CAUSE_TRAFFIC_STOPPED, *signal).empty()) return {};
  return Says(signal);
}

std::string OnlyService(const TriageFacts& facts, const SignalFinding*) {
  if (!Any(facts, IsService) || facts.inputs_moved + facts.outputs_moved > 0) return {};
  return "neither inputs nor outputs changed";
}

std::string RowsLost(const TriageFacts& facts, const SignalFinding*) {
  std::string words;
  const auto add = [&](double share, const char* what) {
    if (share < kLossShare) return;
    absl::StrAppend(&words, words.empty() ? "" : ", ", ShareWords(share), " of rows ", what);
  };
  add(facts.late_share, "arrived too late to be judged");
  add(facts.refused_share, "were refused");
  add(facts.dropped_share, "were dropped by senders");
  return words;
}

std::string ManyUnsent(const TriageFacts& facts, const SignalFinding*) {
  if (facts.unsent < 2) return {};
  return absl::StrCat(facts.unsent, " columns are no longer sent");
}

std::string Deployed(const TriageFacts& facts, const SignalFinding*) {
  if (!facts.deployed || facts.deployed_before_ns > kDeployBeforeNs ||
      facts.deployed_before_ns < -kDeployAfterNs) {
    return {};
  }
  const int64_t minutes = std::abs(facts.deployed_before_ns) / kMinute;
  return absl::StrCat("a version was deployed ", minutes, minutes == 1 ? " minute " : " minutes ",
                      facts.deployed_before_ns >= 0 ? "before" : "after", " the change began");
}

std::string DeployedAndOutputs(const TriageFacts& facts, const SignalFinding* signal) {
  if (Deployed(facts, signal).empty() || OnlyOutputsMoved(facts, signal).empty()) return {};
  return "only the outputs changed, as a new version would change them";
}

constexpr bool kFor = true;
constexpr bool kAgainst = false;
constexpr bool kSignal = true;
constexpr bool kModel = false;

// for or against, weight, per signal, finding
// clang-format off
constexpr TriageRule kMissingValues[] = {
  {kFor,     4, kSignal, ValuesMissing},
};
constexpr TriageRule kInvalidValues[] = {
  {kFor,     4, kSignal, ValuesInvalid},
};
constexpr TriageRule kStuckValue[] = {
  {kFor,     5, kSignal, ValueStuck},
};
constexpr TriageRule kUnitChange[] = {
  {kFor,     5, kSignal, UnitChanged},
  {kAgainst, 4, kModel,  OthersMovedOtherwise},
};
constexpr TriageRule kSchemaChange[] = {
  {kFor,     5, kSignal, ColumnGone},
  {kFor,     5, kSignal, WrittenOtherwise},
  {kFor,     3, kSignal, NewCategories},
};
constexpr TriageRule kTrafficMix[] = {
  {kFor,     4, kSignal, TagMoved},
  {kFor,     2, kSignal, CategoriesMoved},
  {kFor,     2, kModel,  ManyInputsMoved},
  {kAgainst, 2, kModel,  NoTagMoved},
  {kAgainst, 2, kModel,  InputsBroken},
};
constexpr TriageRule kCovariateShift[] = {
  {kFor,     3, kSignal, InputMoved},
  {kAgainst, 2, kModel,  InputsBroken},
  {kAgainst, 2, kModel,  SomeTagMoved},
};
constexpr TriageRule kUnusualInput[] = {
  {kFor,     3, kSignal, RowsUnusual},
  {kAgainst, 2, kModel,  InputsMovedToo},
};
constexpr TriageRule kPredictionShift[] = {
  {kFor,     3, kSignal, OutputMoved},
  {kFor,     2, kModel,  OnlyOutputsMoved},
  {kAgainst, 2, kModel,  InputsMovedToo},
};
constexpr TriageRule kOperational[] = {
  {kFor,     3, kSignal, ServiceChanged},
  {kFor,     2, kModel,  OnlyService},
};
constexpr TriageRule kMonitorBlind[] = {
  {kFor,     4, kModel,  RowsLost},
  {kFor,     2, kModel,  ManyUnsent},
};
constexpr TriageRule kDeployment[] = {
  {kFor,     2, kModel,  Deployed},
  {kFor,     3, kModel,  DeployedAndOutputs},
};

constexpr CauseRow kCauses[] = {
  {v1::CAUSE_MISSING_VALUES, v1::FAILURE_MODE_DATA_QUALITY, "values are missing",
   "check what fills it: the join, the feature store, or a caller that stopped sending it",
   kMissingValues},
  {v1::CAUSE_INVALID_VALUES, v1::FAILURE_MODE_DATA_QUALITY, "values are NaN or infinite",
   "check the step that computes it for a division or a logarithm",
   kInvalidValues},
  {v1::CAUSE_STUCK_VALUE, v1::FAILURE_MODE_DATA_QUALITY, "a value is stuck",
   "check whether its source is stale: a cache, a default, or a sensor that stopped",
   kStuckValue},
  {v1::CAUSE_UNIT_CHANGE, v1::FAILURE_MODE_DATA_QUALITY, "a number is in another unit or scale",
   "compare the unit at the source with the one the model was trained on",
   kUnitChange},
  {v1::CAUSE_SCHEMA_CHANGE, v1::FAILURE_MODE_DATA_QUALITY, "the schema changed",
   "compare the columns and categories that are sent with those of the training data",
   kSchemaChange},
  {v1::CAUSE_TRAFFIC_MIX, v1::FAILURE_MODE_TRAFFIC_MIX, "the mix of traffic changed",
   "find out which callers or segments grew, and whether the model was trained for them",
   kTrafficMix},
  {v1::CAUSE_COVARIATE_SHIFT, v1::FAILURE_MODE_INPUT_DRIFT, "the inputs moved",
   "compare reference and window of the signal, and check accuracy on the newest labels",
   kCovariateShift},
  {v1::CAUSE_UNUSUAL_INPUT, v1::FAILURE_MODE_UNUSUAL_INPUT, "rows are unlike the reference rows",
   "read the extreme examples and find out who sent them",
   kUnusualInput},
  {v1::CAUSE_PREDICTION_SHIFT, v1::FAILURE_MODE_PREDICTION_DRIFT, "the outputs moved",
   "check the model's version and the code behind it, then accuracy on the newest labels",
   kPredictionShift},
  {v1::CAUSE_OPERATIONAL, v1::FAILURE_MODE_OPERATIONAL, "latency or status changed",
   "check the model server: its load, its errors, its last restart",
   kOperational},
  {v1::CAUSE_MONITOR_BLIND, v1::FAILURE_MODE_MONITOR_BLIND, "the monitor lacks data",
   "check the senders: their clocks, their buffers and their errors",
   kMonitorBlind},
  {v1::CAUSE_DEPLOYMENT, v1::FAILURE_MODE_PREDICTION_DRIFT, "a new version was deployed",
   "compare with the previous version, or roll back",
   kDeployment},
};
// clang-format on

}  // namespace

std::span<const CauseRow> CauseTable() { return kCauses; }

std::string SaidOf(v1::Cause cause, const SignalFinding& signal) {
  const auto said = std::find_if(signal.causes.begin(), signal.causes.end(),
                                 [&](const CauseFinding& each) { return each.cause == cause; });
  return said == signal.causes.end() ? std::string() : said->text;
}

}  // namespace faultline
