#include "daemon/core/incident/incident_book.h"

#include <absl/strings/str_cat.h>
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/clean_text.h"
#include "daemon/core/incident/failure_mode.h"
#include "daemon/core/incident/incident_words.h"
#include "daemon/core/settings/limits.h"
#include "storage/tables/incident_id.h"
#include "storage/tables/keys.h"

namespace faultline {
namespace {

using google::protobuf::util::TimeUtil;

constexpr size_t kNoteBytesMax = 1'024;
// The first entries of a timeline always stay: they show how it began.
constexpr int kTimelineHead = 16;
// Number of changes to name when several are taken together.
constexpr size_t kWordsMax = 3;

v1::Alert* FindAlert(v1::Incident* incident, const AlertKey& key) {
  for (v1::Alert& alert : *incident->mutable_alerts()) {
    if (alert.signal() == key.signal && alert.detector() == key.detector) return &alert;
  }
  return nullptr;
}

// Place of an alert in the incident's list: that of the same alert if it fired before, a new one,
// or that of the last alert if it ranks before it. nullptr: it is not listed.
v1::Alert* PlaceFor(const v1::Alert& alert, v1::Incident* incident) {
  v1::Alert* place = FindAlert(incident, {alert.signal(), alert.detector()});
  if (place != nullptr) return place;
  if (incident->alerts_size() < static_cast<int>(kIncidentAlertsMax)) return incident->add_alerts();
  auto& alerts = *incident->mutable_alerts();
  auto last = std::max_element(alerts.begin(), alerts.end(), ComesBefore);
  return ComesBefore(alert, *last) ? &*last : nullptr;
}

double SignalStrength(const v1::Incident& incident, const std::string& signal) {
  double strength = 0;
  for (const v1::Alert& alert : incident.alerts()) {
    if (alert.signal() == signal) strength = std::max(strength, Strength(alert));
  }
  return strength;
}

// Keeps the evidence of a listed alert if it is its signal's strongest and the signal is among the
// strongest.
void KeepEvidence(const v1::Alert& alert, const v1::SignalEvidence& evidence,
                  v1::Incident* incident) {
  if (Strength(alert) < SignalStrength(*incident, alert.signal())) return;
  v1::SignalEvidence* weakest = nullptr;
  double least = 0;
  for (v1::SignalEvidence& kept : *incident->mutable_evidence()) {
    if (kept.signal() == alert.signal()) {
      kept = evidence;
      return;
    }
    const double strength = SignalStrength(*incident, kept.signal());
    if (weakest == nullptr || strength < least) {
      weakest = &kept;
      least = strength;
    }
  }
  if (incident->evidence_size() < static_cast<int>(kIncidentEvidenceMax)) {
    *incident->add_evidence() = evidence;
  } else if (Strength(alert) > least) {
    *weakest = evidence;
  }
}

// Derives the incident's severity, order and summary from its alerts.
void Refresh(v1::Incident* incident) {
  auto& alerts = *incident->mutable_alerts();
  std::sort(alerts.pointer_begin(), alerts.pointer_end(),
            [](const v1::Alert* a, const v1::Alert* b) { return ComesBefore(*a, *b); });
  auto& evidence = *incident->mutable_evidence();
  std::stable_sort(evidence.pointer_begin(), evidence.pointer_end(),
                   [&](const v1::SignalEvidence* a, const v1::SignalEvidence* b) {
                     return SignalStrength(*incident, a->signal()) >
                            SignalStrength(*incident, b->signal());
                   });
  incident->set_summary(SummarySentence(*incident));
}

bool WrittenByPerson(const v1::IncidentEvent& event) {
  return event.who().kind() == v1::ACTOR_KIND_PERSON;
}

// Removes one entry from the middle of the timeline; the first time, replaces it by the entry that
// counts the entries left out.
void LeaveOneOut(uint32_t* left_out, v1::Incident* incident) {
  auto& timeline = *incident->mutable_timeline();
  const int first = kTimelineHead + (*left_out > 0 ? 1 : 0);
  int victim = first;
  for (int i = first; i < timeline.size(); ++i) {
    if (!WrittenByPerson(timeline[i])) {
      victim = i;
      break;
    }
  }
  if (++*left_out == 1) {
    for (int i = victim; i > kTimelineHead; --i) timeline.SwapElements(i, i - 1);
    timeline[kTimelineHead].clear_actor();
    timeline[kTimelineHead].clear_who();
    timeline[kTimelineHead].clear_kind();
  } else {
    *timeline[kTimelineHead].mutable_time() = timeline[victim].time();
    timeline.DeleteSubrange(victim, 1);
  }
  timeline[kTimelineHead].set_text(
      absl::StrCat("... ", *left_out, *left_out == 1 ? " entry" : " entries", " left out"));
}

}  // namespace

IncidentBook::IncidentBook(std::string model, std::string version)
    : model_(std::move(model)), version_(std::move(version)) {}

void IncidentBook::Apply(const AlertTransition& transition, const TransitionContext& context,
                         const ModelSettings& settings, int64_t now_ns) {
  const bool known = belongs_.contains(transition.key);
  switch (transition.kind) {
    case AlertTransition::Kind::kFired:
      if (!known) return Fire(transition, context, settings, now_ns);
      return Renew(transition, context);
    case AlertTransition::Kind::kRenewed:
      if (known) Renew(transition, context);
      return;
    case AlertTransition::Kind::kResolved:
      if (known) End(transition, now_ns);
      return;
  }
}

uint64_t IncidentBook::open_id(std::string_view subject) const {
  const auto open = open_.find(subject);
  return open == open_.end() ? 0 : open->second;
}

bool IncidentBook::IsOpen(uint64_t id) const {
  return std::any_of(open_.begin(), open_.end(),
                     [id](const auto& open) { return open.second == id; });
}

uint64_t IncidentBook::JoinedBy(std::string_view subject) const {
  const uint64_t open = open_id(subject);
  return open == 0 && open_.size() >= kIncidentsOpenMax ? open_.begin()->second : open;
}

uint64_t IncidentBook::Open(int64_t event_ns, std::string_view subject, int64_t now_ns) {
  const auto seconds =
      static_cast<uint64_t>(std::clamp<int64_t>(event_ns, 0, kEventTimeMaxNs) / 1'000'000'000);
  const uint64_t wanted = (seconds << 32) | (ModelHash(model_, version_) & 0xFFFF'FFFF);
  const uint64_t id = std::max(wanted, last_id_ + 1);
  open_.emplace(subject, id);
  last_id_ = id;
  ++total_;
  Held& held = held_[id];
  v1::Incident& incident = held.incident;
  incident.set_id(FormatIncidentId(id));
  incident.set_model(model_);
  incident.set_version(version_);
  incident.set_subject(std::string(subject));
  incident.set_state(v1::INCIDENT_STATE_OPEN);
  *incident.mutable_open_time() = TimeUtil::NanosecondsToTimestamp(now_ns);
  AddEvent(&held, "opened", v1::INCIDENT_EVENT_KIND_OPENED, nullptr, now_ns);
  Changed(id, "opened");
  return id;
}

void IncidentBook::Fire(const AlertTransition& transition, const TransitionContext& context,
                        const ModelSettings& settings, int64_t now_ns) {
  const uint64_t joined = JoinedBy(context.subject);
  const bool opens = joined == 0;
  const uint64_t id = opens ? Open(transition.alert.fire_ns, context.subject, now_ns) : joined;
  Held* held = &held_.at(id);
  v1::Incident& incident = held->incident;
  if (opens) {
    *incident.mutable_start_time() = TimeUtil::NanosecondsToTimestamp(transition.alert.start_ns);
    for (const auto& [name, value] : settings.labels) (*incident.mutable_labels())[name] = value;
    incident.set_runbook_url(settings.runbook_url);
  }
  belongs_[transition.key] = id;
  ++held->live;
  const v1::Alert alert = AlertMessage(transition.key, transition.alert);
  incident.set_alerts_total(incident.alerts_total() + 1);
  incident.set_severity(std::max(incident.severity(), alert.severity()));
  incident.set_failure_mode(LeadingFailureMode(incident.failure_mode(), context.failure_mode));
  incident.set_unbudgeted(incident.unbudgeted() || transition.alert.unbudgeted);
  if (transition.alert.start_ns < TimeUtil::TimestampToNanoseconds(incident.start_time())) {
    *incident.mutable_start_time() = alert.start_time();
  }
  v1::Alert* place = PlaceFor(alert, &incident);
  if (place != nullptr) {
    *place = alert;
    if (context.evidence != nullptr) KeepEvidence(alert, *context.evidence, &incident);
  }
  AddEvent(held, AlertWords(alert), v1::INCIDENT_EVENT_KIND_ALERT, nullptr, now_ns);
  Changed(id, AlertWords(alert));
}

void IncidentBook::Renew(const AlertTransition& transition, const TransitionContext& context) {
  const uint64_t id = belongs_.at(transition.key);
  const auto held = held_.find(id);
  if (held == held_.end()) return;
  v1::Incident& incident = held->second.incident;
  v1::Alert* place = FindAlert(&incident, transition.key);
  if (place == nullptr) return;
  const bool silence_turned = place->silenced() != transition.alert.silenced;
  const double before = Strength(*place);
  *place = AlertMessage(transition.key, transition.alert);
  const bool rose = Strength(*place) > before;
  if (rose && context.evidence != nullptr) KeepEvidence(*place, *context.evidence, &incident);
  incident.set_severity(std::max(incident.severity(), place->severity()));
  const char* words = !silence_turned             ? " rose"
                      : transition.alert.silenced ? " is silenced"
                                                  : " is no longer silenced";
  Changed(id, AlertName(*place) + words);
}

void IncidentBook::End(const AlertTransition& transition, int64_t now_ns) {
  const auto belongs = belongs_.find(transition.key);
  const uint64_t id = belongs->second;
  belongs_.erase(belongs);
  ++revision_;
  const auto held = held_.find(id);
  if (held == held_.end()) return;
  FAULTLINE_CHECK(held->second.live > 0, "every alert that belongs to it is counted");
  --held->second.live;
  const v1::Alert alert = AlertMessage(transition.key, transition.alert);
  v1::Alert* place = FindAlert(&held->second.incident, transition.key);
  if (place != nullptr) *place = alert;
  AddEvent(&held->second, AlertWords(alert), v1::INCIDENT_EVENT_KIND_ALERT, nullptr, now_ns);
  Changed(id, AlertWords(alert));
  if (held->second.live == 0 && IsOpen(id)) {
    Close(id, "resolved: all its alerts have resolved", nullptr, now_ns);
  }
}

void IncidentBook::Close(uint64_t id, std::string_view why, const Principal* by, int64_t now_ns) {
  Held& held = held_.at(id);
  held.incident.set_state(v1::INCIDENT_STATE_RESOLVED);
  *held.incident.mutable_resolve_time() = TimeUtil::NanosecondsToTimestamp(now_ns);
  held.incident.clear_suppressed_until();
  AddEvent(&held, std::string(why),
           by == nullptr ? v1::INCIDENT_EVENT_KIND_RESOLVED : v1::INCIDENT_EVENT_KIND_REVIEW, by,
           now_ns);
  Changed(id, "resolved");
  open_.erase(held.incident.subject());
  test_until_ns_ = 0;
  // In order of ids: a reopened incident may be older than other resolved ones.
  resolved_.insert(std::upper_bound(resolved_.begin(), resolved_.end(), id), id);
  Retain(kIncidentsRememberedMax);
}

v1::Incident* IncidentBook::Explain(uint64_t id) {
  FAULTLINE_CHECK(IsOpen(id), "only an open incident is explained");
  // Without a pending change, the new content would not be stored.
  if (!HasChange(id)) Changed(id, "updated with more rows");
  v1::Incident* incident = &held_.at(id).incident;
  Refresh(incident);
  return incident;
}

void IncidentBook::Note(std::string_view text, const Principal& by, int64_t now_ns) {
  const std::string words = CleanText(text, kNoteBytesMax);
  for (const auto& [subject, id] : open_) {
    AddEvent(&held_.at(id), words, v1::INCIDENT_EVENT_KIND_CONTEXT,
             by.kind == Principal::Kind::kDaemon ? nullptr : &by, now_ns);
    Changed(id, words);
  }
}

uint64_t IncidentBook::OpenTest(const ModelSettings& settings, int64_t fire_ns, const Principal& by,
                                int64_t now_ns) {
  FAULTLINE_CHECK(model_ == kTestModelName, "only the reserved model has test incidents");
  test_until_ns_ = now_ns + fire_ns;
  ++revision_;
  if (const uint64_t open = open_id(""); open != 0) {
    Note("test alert prolonged", by, now_ns);
    return open;
  }
  AlertTransition transition;
  transition.key = {"test", "alert_test"};
  transition.alert.state = v1::ALERT_STATE_FIRING;
  transition.alert.severity = settings.severity;
  transition.alert.start_ns = transition.alert.fire_ns = now_ns;
  transition.alert.unbudgeted = false;
  transition.alert.newest.state = VerdictState::kAlarm;
  transition.alert.peak = transition.alert.newest;
  Fire(transition, {}, settings, now_ns);
  const uint64_t id = open_id("");
  held_.at(id).incident.set_test(true);
  return id;
}

void IncidentBook::Tick(int64_t now_ns) {
  EndSuppressions(now_ns);
  if (test_until_ns_ == 0 || now_ns < test_until_ns_) return;
  AlertTransition transition;
  transition.kind = AlertTransition::Kind::kResolved;
  transition.key = {"test", "alert_test"};
  const uint64_t id = open_id("");
  const v1::Alert* alert = FindAlert(&held_.at(id).incident, transition.key);
  if (alert == nullptr) return Close(id, "resolved: the test ended", nullptr, now_ns);
  transition.alert.state = v1::ALERT_STATE_RESOLVED;
  transition.alert.severity = alert->severity();
  transition.alert.start_ns = TimeUtil::TimestampToNanoseconds(alert->start_time());
  transition.alert.fire_ns = transition.alert.start_ns;
  transition.alert.resolve_ns = now_ns;
  transition.alert.unbudgeted = false;
  transition.alert.newest.state = VerdictState::kQuiet;
  transition.alert.peak.state = VerdictState::kAlarm;
  End(transition, now_ns);
}

void IncidentBook::Retain(uint32_t resolved_max) {
  const size_t keep = std::min<size_t>(resolved_max, kIncidentsRememberedMax);
  while (resolved_.size() > keep) {
    const uint64_t id = resolved_.front();
    resolved_.pop_front();
    Changed(id, "removed: more resolved incidents than retention.incidents_max");
    pending_[id].removed = pending_[id].expired = true;
    held_.erase(id);
  }
}

void IncidentBook::Clear() {
  for (const auto& [id, held] : held_) resolved_.push_back(id);
  for (const uint64_t id : resolved_) {
    Changed(id, "removed with its model");
    pending_[id].removed = true;
  }
  held_.clear();
  resolved_.clear();
  belongs_.clear();
  open_.clear();
  test_until_ns_ = 0;
}

void IncidentBook::AddEvent(Held* held, std::string text, v1::IncidentEventKind kind,
                            const Principal* by, int64_t now_ns) {
  while (held->incident.timeline_size() >= static_cast<int>(kIncidentTimelineMax)) {
    LeaveOneOut(&held->left_out, &held->incident);
  }
  v1::IncidentEvent* event = held->incident.add_timeline();
  *event->mutable_time() = TimeUtil::NanosecondsToTimestamp(now_ns);
  event->set_text(std::move(text));
  event->set_kind(kind);
  if (by == nullptr) return;
  *event->mutable_who() = ActorMessage(*by);
  event->set_actor(event->who().name());
}

void IncidentBook::Changed(uint64_t id, std::string words) {
  ++revision_;
  Pending& pending = pending_[id];
  ++pending.count;
  if (pending.words.size() < kWordsMax) pending.words.push_back(std::move(words));
}

void IncidentBook::TakeChanges(const Principal& by, std::vector<IncidentChange>* changes) {
  for (auto& [id, pending] : pending_) {
    IncidentChange change;
    change.id = id;
    change.removed = pending.removed;
    change.by = pending.expired ? Principal::Daemon() : by;
    for (const std::string& words : pending.words) {
      absl::StrAppend(&change.change, change.change.empty() ? "" : "; ", words);
    }
    if (pending.count > pending.words.size()) {
      absl::StrAppend(&change.change, "; ", pending.count - pending.words.size(), " more");
    }
    if (pending.removed) {
      change.incident.set_id(FormatIncidentId(id));
      change.incident.set_model(model_);
      change.incident.set_version(version_);
    } else {
      Held& held = held_.at(id);
      Refresh(&held.incident);
      held.bytes = held.incident.SpaceUsedLong();
      change.incident = held.incident;
    }
    changes->push_back(std::move(change));
  }
  pending_.clear();
  while (held_.size() > kResolvedHeldMax + open()) {
    held_.erase(std::find_if(held_.begin(), held_.end(),
                             [this](const auto& held) { return !IsOpen(held.first); }));
    ++revision_;
  }
}

size_t IncidentBook::memory_bytes() const {
  size_t bytes = resolved_.size() * sizeof(uint64_t) + belongs_.size() * sizeof(AlertKey);
  for (const auto& [id, held] : held_) bytes += sizeof held + held.bytes;
  return bytes;
}

const v1::Incident* IncidentBook::Find(uint64_t id) const {
  const auto held = held_.find(id);
  return held == held_.end() ? nullptr : &held->second.incident;
}

}  // namespace faultline
