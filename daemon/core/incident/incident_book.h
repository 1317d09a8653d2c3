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
// Resolved incidents whose content stays in memory, so that they can still be commented and their
// last alerts seen to resolve.
inline constexpr size_t kResolvedHeldMax = 4;
// Resolved incidents remembered by id for retention, whatever incidents_max says.
inline constexpr size_t kIncidentsRememberedMax = 16'384;
// Open incidents of one model; an alert of yet another subject joins one of them.
inline constexpr size_t kIncidentsOpenMax = 16;

// What an edge's alert is about.
struct EdgeContext {
  // Alerts of one subject are one failure; those of another have an incident of their own. Empty:
  // the inference stream.
  std::string_view subject = {};
  v1::FailureMode failure_mode = v1::FAILURE_MODE_UNSPECIFIED;  // that it points to by itself
  // For kFired and kRenewed: reference against window at this verdict. May be null.
  const v1::SignalEvidence* evidence = nullptr;
};

// The incidents of one version of a model. At most one of each subject is open: an alert that fires
// joins it or opens it; it resolves when all its alerts have. A person may resolve it earlier:
// alerts that still fire then stay with it until they resolve, and only one that fires anew opens
// the next.
//
// Ids are (second of event time << 32) | 32 bits of the model's hash, plus 1 while the model has
// had that one: they sort by time, and models that fail in the same instant do not meet.
//
// Operation:    after the calls that belong together (the edges of one pane, one command) call
//               TakeChanges: one change per incident, however many edges it got.
// Concurrency:  none. Time comes in: now_ns is the daemon's clock at admission.
// Limitations:  at most kIncidentsOpenMax incidents are open. An incident lists
//               kIncidentAlertsMax alerts, firing ones first, of which it has alerts_total;
//               evidence for kIncidentEvidenceMax signals; a timeline of kIncidentTimelineMax
//               entries: beyond that the oldest after the first 16 that no person wrote gives way,
//               and one entry says "... n entries left out".
class IncidentBook {
 public:
  IncidentBook(std::string model, std::string version);

  // Moves the open incident of the subject along. `settings`: owner labels and runbook, as they are
  // now.
  void Apply(const AlertEdge& edge, const EdgeContext& context, const ModelSettings& settings,
             int64_t now_ns);

  // Puts a line on the timelines of all open incidents: a deploy, a version change, a silence.
  void Note(std::string_view text, const Principal& by, int64_t now_ns);

  // Whether an incident has a change that is still to be taken.
  bool HasChange(uint64_t id) const { return pending_.contains(id); }
  bool HasChanges() const { return !pending_.empty(); }
  // An open incident, its alerts and evidence in order, for what it says of itself to be renewed:
  // failure mode, change time, evidence, triage. A change like any other.
  v1::Incident* Explain(uint64_t id);

  // A person's decisions. NOT_FOUND if this model never had, or no longer has, the incident;
  // FAILED_PRECONDITION saying why if it is resolved (to acknowledge, to resolve) or no longer in
  // memory (to comment); INVALID_ARGUMENT if name or comment are too long, or a comment is empty.
  // Acknowledging again as the same person without a comment changes nothing. Control characters
  // and invalid UTF-8 in what they wrote are replaced.
  absl::Status Acknowledge(uint64_t id, const Principal& by, std::string_view comment,
                           int64_t now_ns);
  absl::Status Resolve(uint64_t id, const Principal& by, std::string_view comment, int64_t now_ns);
  absl::Status Comment(uint64_t id, const Principal& by, std::string_view comment, int64_t now_ns);
  // Opens a resolved one again; FAILED_PRECONDITION as well if another one of its subject is open.
  // It resolves when alerts that fired meanwhile have, or by a person's decision.
  absl::Status Reopen(uint64_t id, const Principal& by, std::string_view comment, int64_t now_ns);
  // Its alerts count as silenced until then, at most kSuppressMaxNs ahead; not ahead: no longer.
  absl::Status Suppress(uint64_t id, int64_t until_ns, const Principal& by,
                        std::string_view comment, int64_t now_ns);
  // An open incident is suppressed.
  bool suppressed() const;
  // The alert belongs to an incident that is suppressed.
  bool Suppresses(const AlertKey& key) const;

  // Opens a test incident that Tick resolves at now_ns + fire_ns, or prolongs the one that is open.
  // Only on the book of kTestModelName. Returns its id.
  uint64_t OpenTest(const ModelSettings& settings, int64_t fire_ns, const Principal& by,
                    int64_t now_ns);
  // Resolves a test incident, or ends a suppression, whose time has come.
  void Tick(int64_t now_ns);

  // Removes resolved incidents beyond this many, oldest first.
  void Retain(uint32_t resolved_max);
  // Removes all incidents: the model is deleted.
  void Clear();

  // Appends what changed since the last call, in order of ids. `by`: who gave the input that
  // changed it; what retention removed, the daemon did.
  void TakeChanges(const Principal& by, std::vector<IncidentChange>* changes);

  // An incident whose content is in memory as of the last TakeChanges, or null.
  const v1::Incident* Find(uint64_t id) const;
  uint32_t open() const { return static_cast<uint32_t>(open_.size()); }
  // Ids of the open ones by subject.
  const std::map<std::string, uint64_t, std::less<>>& open_ids() const { return open_; }
  // The open one of a subject, or 0.
  uint64_t open_id(std::string_view subject) const;
  bool IsOpen(uint64_t id) const;
  // The open one that an alert of the subject joins, or 0.
  uint64_t JoinedBy(std::string_view subject) const;
  // Incidents opened, since ever.
  uint64_t total() const { return total_; }
  size_t memory_bytes() const;
  // Goes up with every change of what Encode would write; not stored.
  uint64_t revision() const { return revision_; }

  // The book without the content of incidents, as a canonical, versioned payload without an
  // envelope. Contains no reading of the clock, except for test incidents.
  void Encode(std::string* out) const;
  // Replaces the content. DATA_LOSS if the bytes are not what Encode wrote, FAILED_PRECONDITION if
  // a newer version wrote them; then the book is unchanged.
  absl::Status Decode(std::string_view bytes);
  // After Decode: gives back the stored incidents of this model; those the book need not hold are
  // passed over, so all may be given. In any order.
  void Restore(uint64_t id, const v1::Incident& incident);
  // DATA_LOSS if an incident that must be held was not given back, or is not what the book says.
  absl::Status FinishRestore() const;

 private:
  // An incident in memory.
  struct Held {
    v1::Incident incident;
    uint32_t left_out = 0;  // of the timeline
    uint32_t live = 0;      // its alerts that still fire
    size_t bytes = 0;       // of memory, as of the last TakeChanges
    bool restored = true;
  };
  struct Pending {
    std::vector<std::string> words;  // the first few
    size_t count = 0;                // of all
    bool removed = false;
    bool expired = false;  // removed by retention, not with its model
  };

  // The id of the new one.
  uint64_t Open(int64_t event_ns, std::string_view subject, int64_t now_ns);
  void Fire(const AlertEdge& edge, const EdgeContext& context, const ModelSettings& settings,
            int64_t now_ns);
  void Renew(const AlertEdge& edge, const EdgeContext& context);
  void End(const AlertEdge& edge, int64_t now_ns);
  // `by`: null if nobody decided it.
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
  std::map<uint64_t, Held> held_;         // the open ones and the newest resolved ones
  std::deque<uint64_t> resolved_;         // ids, ascending
  std::map<AlertKey, uint64_t> belongs_;  // firing alerts: id of their incident
  std::map<uint64_t, Pending> pending_;   // changes since the last TakeChanges
  uint64_t revision_ = 0;
};

}  // namespace faultline
