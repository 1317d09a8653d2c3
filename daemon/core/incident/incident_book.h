#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/core/alert/alert_book.h"
#include "daemon/core/contract/effects.h"
#include "daemon/core/contract/principal.h"
#include "daemon/core/settings/settings.h"
#include "faultline/v1/incident.pb.h"

namespace faultline {

inline constexpr size_t kCommentBytesMax = 4'096;
inline constexpr int64_t kSuppressMaxNs = 30LL * 86'400 * 1'000'000'000;
// Resolved incidents kept in memory, so that they can still be commented and their last alerts can
// resolve.
inline constexpr size_t kResolvedHeldMax = 4;
// Resolved incidents remembered by id for retention, independent of incidents_max.
inline constexpr size_t kIncidentsRememberedMax = 16'384;
// Open incidents of one model; an alert of a further subject joins one of them.
inline constexpr size_t kIncidentsOpenMax = 16;

// Subject and evidence of an alert transition.
struct TransitionContext {
  // Alerts of one subject share an incident; each other subject has its own. Empty: the inference
  // stream.
  std::string_view subject = {};
  v1::FailureMode failure_mode = v1::FAILURE_MODE_UNSPECIFIED;  // of this alert alone
  // For kFired and kRenewed: reference and window at this verdict. May be null.
  const v1::SignalEvidence* evidence = nullptr;
};

// The incidents of one version of a model. At most one incident per subject is open: an alert that
// fires joins or opens it, and it resolves when all its alerts have resolved. A person may resolve
// it earlier: alerts that still fire then stay with it until they resolve, and only a newly firing
// alert opens the next incident.
//
// An id is (second of event time << 32) | 32 bits of the model's hash, or the model's last id + 1
// if that is larger: ids sort by time, and models that fail at the same time have different ids.
//
// Operation:    after the calls that belong together (the transitions of one pane, one command)
//               call TakeChanges: one change per incident, however many transitions it got.
// Concurrency:  none. Time comes in: now_ns is the daemon's clock at admission.
// Limitations:  at most kIncidentsOpenMax incidents are open. An incident lists
//               kIncidentAlertsMax of its alerts_total alerts, firing ones first; evidence for
//               kIncidentEvidenceMax signals; a timeline of kIncidentTimelineMax entries: beyond
//               that the oldest one after the first 16 that no person wrote is dropped, and one
//               entry says "... n entries left out".
class IncidentBook {
 public:
  IncidentBook(std::string model, std::string version);

  // Applies a transition to the open incident of its subject. `settings`: for current owner labels
  // and runbook.
  void Apply(const AlertTransition& transition, const TransitionContext& context,
             const ModelSettings& settings, int64_t now_ns);

  // Adds an entry to the timelines of all open incidents: a deploy, a version change, a silence.
  void Note(std::string_view text, const Principal& by, int64_t now_ns);

  // Whether an incident has a change for the next TakeChanges.
  bool HasChange(uint64_t id) const { return pending_.contains(id); }
  bool HasChanges() const { return !pending_.empty(); }
  // An open incident with sorted alerts and evidence, whose failure mode, change time, evidence and
  // triage the caller may set. Counts as a change.
  v1::Incident* Explain(uint64_t id);

  // Decisions of a person. NOT_FOUND if this model does not have the incident; FAILED_PRECONDITION
  // with the reason if it is resolved (Acknowledge, Resolve) or no longer in memory (Comment);
  // INVALID_ARGUMENT if name or comment are too long, or a comment is empty. Acknowledging again as
  // the same person without a comment changes nothing. Control characters and invalid UTF-8 in name
  // and comment are replaced.
  absl::Status Acknowledge(uint64_t id, const Principal& by, std::string_view comment,
                           int64_t now_ns);
  absl::Status Resolve(uint64_t id, const Principal& by, std::string_view comment, int64_t now_ns);
  absl::Status Comment(uint64_t id, const Principal& by, std::string_view comment, int64_t now_ns);
  // Opens a resolved incident again; FAILED_PRECONDITION also if another one of its subject is
  // open. It resolves when the alerts that fired in between have resolved, or when a person
  // resolves it.
  absl::Status Reopen(uint64_t id, const Principal& by, std::string_view comment, int64_t now_ns);
  // Its alerts count as silenced until `until_ns`, at most kSuppressMaxNs ahead; a time that is not
  // in the future ends the suppression.
  absl::Status Suppress(uint64_t id, int64_t until_ns, const Principal& by,
                        std::string_view comment, int64_t now_ns);
  // Whether an open incident is suppressed.
  bool suppressed() const;
  // Whether the alert belongs to a suppressed incident.
  bool Suppresses(const AlertKey& key) const;

  // Opens a test incident that Tick resolves at now_ns + fire_ns, or prolongs the one that is open.
  // Only on the book of kTestModelName. Returns its id.
  uint64_t OpenTest(const ModelSettings& settings, int64_t fire_ns, const Principal& by,
                    int64_t now_ns);
  // Resolves test incidents and ends suppressions that are due.
  void Tick(int64_t now_ns);

  // Removes resolved incidents above resolved_max, oldest first.
  void Retain(uint32_t resolved_max);
  // Removes all incidents: the model is deleted.
  void Clear();

  // Appends the changes since the last call, in order of ids. `by`: who gave the input; removals by
  // retention are attributed to the daemon.
  void TakeChanges(const Principal& by, std::vector<IncidentChange>* changes);

  // An incident whose content is in memory as of the last TakeChanges, or null.
  const v1::Incident* Find(uint64_t id) const;
  uint32_t open() const { return static_cast<uint32_t>(open_.size()); }
  // Ids of open incidents by subject.
  const std::map<std::string, uint64_t, std::less<>>& open_ids() const { return open_; }
  // Id of the open incident of a subject, or 0.
  uint64_t open_id(std::string_view subject) const;
  bool IsOpen(uint64_t id) const;
  // Id of the open incident that an alert of the subject joins, or 0.
  uint64_t JoinedBy(std::string_view subject) const;
  // Incidents opened over the model's life.
  uint64_t total() const { return total_; }
  size_t memory_bytes() const;
  // Increases with every change of what Encode would write; not stored.
  uint64_t revision() const { return revision_; }

  // The book without the content of incidents, as a canonical, versioned payload without an
  // envelope. Only test incidents put a reading of the clock into it.
  void Encode(std::string* out) const;
  // Replaces the content. DATA_LOSS if the bytes are not what Encode wrote, FAILED_PRECONDITION if
  // a newer version wrote them; then the book is unchanged.
  absl::Status Decode(std::string_view bytes);
  // After Decode: restores the stored incidents of this model, in any order. Incidents that the
  // book does not hold are skipped, so the caller may pass all.
  void Restore(uint64_t id, const v1::Incident& incident);
  // DATA_LOSS if an incident that the book holds was not restored, or contradicts the book.
  absl::Status FinishRestore() const;

 private:
  // An incident in memory.
  struct Held {
    v1::Incident incident;
    uint32_t left_out = 0;  // of the timeline
    uint32_t live = 0;      // alerts that still fire
    size_t bytes = 0;       // of memory, as of the last TakeChanges
    bool restored = true;
  };
  struct Pending {
    std::vector<std::string> words;  // the first few
    size_t count = 0;                // of all
    bool removed = false;
    bool expired = false;  // removed by retention, not with its model
  };

  // Returns the id of the new incident.
  uint64_t Open(int64_t event_ns, std::string_view subject, int64_t now_ns);
  void Fire(const AlertTransition& transition, const TransitionContext& context,
            const ModelSettings& settings, int64_t now_ns);
  void Renew(const AlertTransition& transition, const TransitionContext& context);
  void End(const AlertTransition& transition, int64_t now_ns);
  // `by`: null if it resolved by itself.
  void Close(uint64_t id, std::string_view why, const Principal* by, int64_t now_ns);
  absl::Status CheckCommand(uint64_t id, const Principal& by, std::string_view comment) const;
  void EndSuppressions(int64_t now_ns);
  void AddEvent(Held* held, std::string text, v1::IncidentEventKind kind, const Principal* by,
                int64_t now_ns);
  void Changed(uint64_t id, std::string words);

  std::string model_;
  std::string version_;
  std::map<std::string, uint64_t, std::less<>> open_;  // ids by subject
  uint64_t last_id_ = 0;
  uint64_t total_ = 0;
  int64_t test_until_ns_ = 0;
  std::map<uint64_t, Held> held_;         // open ones and the newest resolved ones
  std::deque<uint64_t> resolved_;         // ids, ascending
  std::map<AlertKey, uint64_t> belongs_;  // firing alerts: id of their incident
  std::map<uint64_t, Pending> pending_;   // changes since the last TakeChanges
  uint64_t revision_ = 0;
};

}  // namespace faultline
