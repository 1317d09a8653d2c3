#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "detectors/summary/summary.h"
#include "faultline/v1/event.pb.h"
#include "faultline/v1/incident.pb.h"

namespace faultline {

// Detail of a detector in alarm that identifies a cause directly.
struct CauseFinding {
  v1::Cause cause = v1::CAUSE_UNSPECIFIED;
  std::string text;
};

// Facts about one signal with an alert. Shares are of rows, 0 to 1; `was`: the reference, `is`: the
// window, `now`: the newest pane with at least 20 rows of the signal, or else the window.
struct SignalFinding {
  std::string name;
  v1::ColumnRole role = v1::COLUMN_ROLE_FEATURE;
  bool numeric = true;
  double strength = 0;  // of its strongest alert: score / threshold
  // Concerns of its alerts.
  bool quality = false, shift = false, anomaly = false;
  std::string finding;  // to follow its name: "is missing in 34 % of rows (reference 1 %)"
  bool sent = true;     // the newest pane had its column
  double missing_was = 0, missing_is = 0;
  double invalid_was = 0, invalid_is = 0;
  double outside_is = 0;                // below or above the reference's range
  double unseen_is = 0;                 // categories the reference does not have
  std::string stuck_at;                 // the only value in `now`, where values used to vary
  double factor = 0;                    // `now` / reference, if it is another unit; 0: it is not
  std::string written_was, written_is;  // a category whose spelling changed
  std::vector<CauseFinding> causes;     // from its alerts, strongest first
};

// The input of triage: a plain value, so that tests can try rules on any facts.
struct TriageFacts {
  std::vector<SignalFinding> signals;  // strongest first
  uint32_t inputs = 0;                 // judged features and tags
  uint32_t inputs_moved = 0;           // of these, with an alert
  uint32_t tags = 0;                   // judged tags
  uint32_t outputs_moved = 0;          // predictions and prediction scores with an alert
  uint32_t unsent = 0;                 // signals whose column was not in the newest pane
  double late_share = 0;               // of the rows of the newest panes
  double refused_share = 0;
  double dropped_share = 0;  // by senders
  // A version was deployed, and how long before the change began (negative: after it).
  bool deployed = false;
  int64_t deployed_before_ns = 0;
};

// Fills the shares, stuck value, factor and changed spelling of a finding from the signal's
// reference, window and newest pane (may be null). Pure.
void LookAt(const Summary& reference, const Summary& window, const Summary* newest,
            SignalFinding* finding);

// Ranks hypotheses by the rules of triage_rules.cc and the causes that detectors of the catalog
// identify. Leaves the sentence unset. Pure; equal facts give equal bytes.
v1::Triage RankCauses(const TriageFacts& facts);
// The sentence of a triage, from the incident's SummarySentence and change time. Pure.
std::string TriageSentence(const std::string& summary, const v1::TimeEstimate& change,
                           const v1::Triage& triage);

}  // namespace faultline
