#pragma once

#include <absl/status/status.h>

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/codec.h"
#include "detectors/contract/detector.h"
#include "faultline/v1/detector.pb.h"
#include "faultline/v1/incident.pb.h"

namespace faultline {

// Which alert: one detector kind on one signal.
struct AlertKey {
  std::string signal;
  std::string detector;
  auto operator<=>(const AlertKey&) const = default;
};

// The configured policy of an alert; may change from pane to pane.
struct AlertPolicy {
  uint32_t fire_panes = 2;     // >= 1
  uint32_t resolve_panes = 3;  // >= 1
  double resolve_margin = 0.1;
  v1::Severity severity = v1::SEVERITY_WARNING;
  bool unbudgeted = true;  // compared with a fixed threshold
};

// The life of one alarm. Event times; 0 = not yet.
struct Alert {
  v1::AlertState state = v1::ALERT_STATE_PENDING;
  v1::Severity severity = v1::SEVERITY_WARNING;
  int64_t start_ns = 0;    // start of the first pane that was over the threshold
  int64_t fire_ns = 0;     // end of the pane with which it fired
  int64_t resolve_ns = 0;  // end of the pane with which it resolved
  Verdict newest;
  Verdict peak;  // the alarm with the highest score; of equal ones the first
  bool unbudgeted = true;
  bool silenced = false;  // a silence covers it
};

// A change of an alert's state that incidents must follow.
struct AlertTransition {
  enum class Kind : uint8_t {
    kFired,     // it fired, or the silence in which it fired ended
    kRenewed,   // it keeps firing: its peak rose by a tenth or more, or a silence began or ended
    kResolved,  // it was reported as fired and has ended
  };
  Kind kind = Kind::kFired;
  AlertKey key;
  Alert alert;
};

// The alerts of one version of a model that are pending or firing; resolved ones are forgotten.
//
// An alarm opens a pending alert; fire_panes alarms in a row make it fire; a quiet verdict before
// that ends it without a transition. A firing alert resolves after resolve_panes verdicts in a row
// that are quiet with score <= threshold * (1 - resolve_margin). "Cannot tell" counts neither way:
// streaks pause, and a firing alert stays firing.
//
// A silenced alert lives on as usual but emits no kFired; the first Judge after the silence emits
// it if the alert still fires. kResolved is emitted exactly for the alerts that emitted kFired,
// silenced or not.
//
// Operation:    Judge once per (signal, detector) and closed pane, in order of panes.
// Concurrency:  none; deterministic: transitions come in the order of calls.
// Limitations:  kAlertsPerModelMax alerts; alarms beyond that are counted, not followed. Details of
//               verdicts are truncated to 512 bytes.
class AlertBook {
 public:
  // Appends at most one transition. Of a verdict with NaN numbers, only the state counts.
  void Judge(std::string_view signal, std::string_view detector, const AlertPolicy& policy,
             bool silenced, const Verdict& verdict, int64_t pane_start_ns, int64_t pane_end_ns,
             std::vector<AlertTransition>* transitions);

  // Ends every alert for which `keep` is false, because its signal or detector is gone: firing
  // ones resolve at at_ns, pending ones are removed.
  void Retain(const std::function<bool(const AlertKey&)>& keep, int64_t at_ns,
              std::vector<AlertTransition>* transitions);

  // Pending and firing alerts in order of (signal, detector).
  void ForEach(const std::function<void(const AlertKey&, const Alert&)>& visit) const;
  // The alert if it fires, otherwise null; valid until the book changes.
  const Alert* Firing(std::string_view signal, std::string_view detector) const;
  // Panes in a row over the threshold, of a pending alert; 0 if there is none.
  uint32_t PendingPanes(std::string_view signal, std::string_view detector) const;
  size_t size() const { return entries_.size(); }
  // Alarms not followed because of the limit, over the model's life.
  uint64_t untracked() const { return untracked_; }
  // Increases with every change of what Encode would write; not stored.
  uint64_t revision() const { return revision_; }

  // Canonical, versioned payload, without an envelope: equal books give equal bytes.
  void Encode(std::string* out) const;
  // Replaces the content. DATA_LOSS if the bytes are not what Encode wrote, FAILED_PRECONDITION if
  // a newer version wrote them; then the book is unchanged.
  absl::Status Decode(std::string_view bytes);

 private:
  struct Entry {
    Alert alert;
    uint32_t over_panes = 0;   // in a row, while pending
    uint32_t under_panes = 0;  // in a row, while firing
    bool reported = false;     // kFired was emitted
    double reported_peak = kUnset;
  };
  using Key = std::pair<std::string_view, std::string_view>;
  struct Before {
    using is_transparent = void;
    static Key Of(const AlertKey& key) { return {key.signal, key.detector}; }
    static Key Of(const Key& key) { return key; }
    template <typename A, typename B>
    bool operator()(const A& a, const B& b) const {
      return Of(a) < Of(b);
    }
  };
  using Entries = std::map<AlertKey, Entry, Before>;

  static void EncodeEntry(const AlertKey& key, const Entry& entry, Encoder* out);
  static bool DecodeEntry(Decoder* in, Entries* entries);
  // Advances the entry by one verdict; false if the alert has ended.
  static bool Advance(const AlertPolicy& policy, const Verdict& verdict, int64_t pane_end_ns,
                      Entry* entry);

  Entries entries_;
  uint64_t untracked_ = 0;
  uint64_t revision_ = 0;
};

// For detectors on the alarm budget: evidence as a multiple of the alarm threshold; while the alarm
// lasts, its value at the alarm. NaN for other detectors.
double EvidenceRatio(const Verdict& verdict);

// As messages, for incidents and status. NaN becomes unset.
v1::Verdict VerdictMessage(std::string_view detector, const Verdict& verdict, bool unbudgeted);
v1::Alert AlertMessage(const AlertKey& key, const Alert& alert);

}  // namespace faultline
