#include "daemon/core/incident/incident_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "daemon/core/incident/failure_mode.h"
#include "daemon/core/incident/incident_words.h"
#include "daemon/core/settings/limits.h"
#include "storage/tables/incident_id.h"

namespace faultline {
namespace {

using Kind = AlertTransition::Kind;
using testing::HasSubstr;

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kStart = 1'790'000'000 * kSecond;  // 2026-09-21 14:13:20 UTC
const Principal kAnn = Principal::Person("ann");
const Principal kBob = Principal::Person("bob");

AlertTransition Transition(Kind kind, const std::string& signal, double score,
                           const std::string& detector = "psi", int64_t at_ns = kStart) {
  AlertTransition transition;
  transition.kind = kind;
  transition.key = {signal, detector};
  Alert& alert = transition.alert;
  const bool over = kind == Kind::kResolved;
  alert.state = over ? v1::ALERT_STATE_RESOLVED : v1::ALERT_STATE_FIRING;
  alert.start_ns = at_ns;
  alert.fire_ns = at_ns + 20 * kSecond;
  alert.resolve_ns = over ? at_ns + 60 * kSecond : 0;
  alert.peak.state = VerdictState::kAlarm;
  alert.peak.score = score;
  alert.peak.threshold = 0.25;
  alert.newest = alert.peak;
  return transition;
}

v1::SignalEvidence EvidenceFor(const std::string& signal, double missing) {
  v1::SignalEvidence evidence;
  evidence.set_signal(signal);
  v1::DistributionCell* cell = evidence.add_cells();
  cell->set_label("0 .. 1");
  cell->set_reference_share(0.99);
  cell->set_window_share(1 - missing);
  cell = evidence.add_cells();
  cell->set_label("(missing)");
  cell->set_reference_share(0.01);
  cell->set_window_share(missing);
  return evidence;
}

class IncidentBookTest : public testing::Test {
 protected:
  IncidentBookTest() : book_("credit", "7") {
    settings_.labels = {{"team", "risk"}};
    settings_.runbook_url = "https://runbooks/credit";
  }

  void Apply(const AlertTransition& transition,
             const TransitionContext& context = {.failure_mode = v1::FAILURE_MODE_INPUT_DRIFT}) {
    book_.Apply(transition, context, settings_, now_ += kSecond);
  }
  void Fire(const std::string& signal, double score = 0.4) {
    Apply(Transition(Kind::kFired, signal, score));
  }
  void End(const std::string& signal) { Apply(Transition(Kind::kResolved, signal, 0.4)); }

  std::vector<IncidentChange> Take() {
    std::vector<IncidentChange> changes;
    book_.TakeChanges(Principal::Daemon(), &changes);
    return changes;
  }
  // The one incident that changed.
  IncidentChange TakeOne() {
    std::vector<IncidentChange> changes = Take();
    EXPECT_EQ(changes.size(), 1u);
    return changes.empty() ? IncidentChange{} : changes[0];
  }

  IncidentBook book_;
  ModelSettings settings_;
  int64_t now_ = kStart + 100 * kSecond;
};

TEST_F(IncidentBookTest, AlertsThatOverlapAreOneIncident) {
  Fire("income");
  Fire("age", 0.9);
  const IncidentChange opened = TakeOne();
  const v1::Incident& incident = opened.incident;
  EXPECT_EQ(opened.change,
            "opened; psi of income fired: 0.4 (threshold 0.25); "
            "psi of age fired: 0.9 (threshold 0.25)");
  EXPECT_EQ(incident.id(), FormatIncidentId(opened.id));
  EXPECT_EQ(incident.id().size(), 13u);
  EXPECT_EQ(opened.id >> 32, 1'790'000'020u);
  EXPECT_EQ(incident.model(), "credit");
  EXPECT_EQ(incident.version(), "7");
  EXPECT_EQ(incident.state(), v1::INCIDENT_STATE_OPEN);
  EXPECT_EQ(incident.severity(), v1::SEVERITY_WARNING);
  EXPECT_EQ(incident.failure_mode(), v1::FAILURE_MODE_INPUT_DRIFT);
  EXPECT_EQ(incident.start_time().seconds(), 1'790'000'000);
  EXPECT_EQ(incident.open_time().seconds(), 1'790'000'101);
  EXPECT_FALSE(incident.has_resolve_time());
  EXPECT_TRUE(incident.unbudgeted());
  EXPECT_EQ(incident.labels().at("team"), "risk");
  EXPECT_EQ(incident.runbook_url(), "https://runbooks/credit");
  EXPECT_EQ(incident.alerts_total(), 2u);
  ASSERT_EQ(incident.alerts_size(), 2);
  EXPECT_EQ(incident.alerts(0).signal(), "age");  // the stronger
  EXPECT_EQ(book_.open(), 1u);

  End("age");
  const IncidentChange half = TakeOne();
  EXPECT_EQ(half.incident.state(), v1::INCIDENT_STATE_OPEN);
  EXPECT_EQ(half.incident.alerts(0).signal(), "income");  // the one that fires
  End("income");
  const IncidentChange closed = TakeOne();
  EXPECT_EQ(closed.id, opened.id);
  EXPECT_THAT(closed.change, HasSubstr("resolved"));
  EXPECT_EQ(closed.incident.state(), v1::INCIDENT_STATE_RESOLVED);
  EXPECT_TRUE(closed.incident.has_resolve_time());
  EXPECT_EQ(closed.incident.timeline().rbegin()->text(), "resolved: all its alerts have resolved");
  EXPECT_EQ(book_.open(), 0u);
  EXPECT_EQ(book_.total(), 1u);
}

TEST_F(IncidentBookTest, EachSubjectHasAnIncidentOfItsOwn) {
  Fire("income");
  Apply(Transition(Kind::kFired, "delay", 0.9), {.subject = "outcomes"});
  Apply(Transition(Kind::kFired, "accuracy", 0.4), {.subject = "outcomes"});
  const std::vector<IncidentChange> opened = Take();
  ASSERT_EQ(opened.size(), 2u);
  const uint64_t rows = opened[0].id;
  const uint64_t outcomes = opened[1].id;
  EXPECT_EQ(opened[0].incident.subject(), "");
  EXPECT_EQ(opened[0].incident.alerts_size(), 1);
  EXPECT_EQ(opened[1].incident.subject(), "outcomes");
  EXPECT_EQ(opened[1].incident.alerts_size(), 2);
  EXPECT_EQ(book_.open(), 2u);
  EXPECT_EQ(book_.open_id(""), rows);
  EXPECT_EQ(book_.open_id("outcomes"), outcomes);
  EXPECT_EQ(book_.open_id("other"), 0u);

  // What happens to the model is on both timelines; what people decide is about one.
  book_.Note("deployed", kAnn, now_);
  EXPECT_EQ(Take().size(), 2u);
  ASSERT_TRUE(book_.Suppress(outcomes, now_ + 60 * kSecond, kAnn, "", now_).ok());
  EXPECT_EQ(TakeOne().id, outcomes);
  EXPECT_TRUE(book_.Suppresses({"delay", "psi"}));
  EXPECT_FALSE(book_.Suppresses({"income", "psi"}));

  // Over a restart both go on.
  std::string bytes;
  book_.Encode(&bytes);
  IncidentBook restored("credit", "7");
  ASSERT_TRUE(restored.Decode(bytes).ok());
  EXPECT_FALSE(restored.FinishRestore().ok());
  restored.Restore(rows, *book_.Find(rows));
  restored.Restore(outcomes, *book_.Find(outcomes));
  ASSERT_TRUE(restored.FinishRestore().ok());
  std::string again;
  restored.Encode(&again);
  EXPECT_EQ(again, bytes);
  book_ = std::move(restored);

  // One resolves; the other stays open.
  End("income");
  EXPECT_EQ(TakeOne().incident.state(), v1::INCIDENT_STATE_RESOLVED);
  EXPECT_EQ(book_.open_id(""), 0u);
  EXPECT_EQ(book_.open_id("outcomes"), outcomes);
  ASSERT_TRUE(book_.Reopen(rows, kAnn, "", now_).ok()) << "that of another subject is open";
  ASSERT_TRUE(book_.Resolve(outcomes, kAnn, "", now_).ok());
  Apply(Transition(Kind::kFired, "recall", 0.4), {.subject = "outcomes"});
  Take();
  EXPECT_EQ(book_.open(), 2u);
  EXPECT_TRUE(absl::IsFailedPrecondition(book_.Reopen(outcomes, kAnn, "", now_)));
}

TEST_F(IncidentBookTest, AnAlertOfOneSubjectTooManyJoinsAnother) {
  for (size_t i = 0; i <= kIncidentsOpenMax; ++i) {
    const std::string subject = "subject " + std::to_string(100 + i);
    Apply(Transition(Kind::kFired, "signal " + std::to_string(i), 0.4), {.subject = subject});
  }
  const std::vector<IncidentChange> changes = Take();
  ASSERT_EQ(changes.size(), kIncidentsOpenMax);
  EXPECT_EQ(changes[0].incident.subject(), "subject 100");
  EXPECT_EQ(changes[0].incident.alerts_size(), 2);
}

TEST_F(IncidentBookTest, AnIncidentThatIsOpenUnderAnotherSubjectIsDamage) {
  Apply(Transition(Kind::kFired, "delay", 0.9), {.subject = "outcomes"});
  v1::Incident incident = TakeOne().incident;
  std::string bytes;
  book_.Encode(&bytes);
  incident.set_subject("other");
  ASSERT_TRUE(book_.Decode(bytes).ok());
  book_.Restore(book_.open_id("outcomes"), incident);
  EXPECT_TRUE(absl::IsDataLoss(book_.FinishRestore()));
}

TEST_F(IncidentBookTest, NextAlertOpensAnotherEvenInTheSameSecond) {
  Fire("income");
  End("income");
  const uint64_t first = TakeOne().id;
  Fire("income");
  EXPECT_EQ(TakeOne().id, first + 1);
  EXPECT_EQ(book_.total(), 2u);
}

TEST_F(IncidentBookTest, WhatAPersonClosedStaysClosed) {
  Fire("income");
  const uint64_t id = TakeOne().id;
  ASSERT_TRUE(book_.Resolve(id, kAnn, "known", now_).ok());
  const IncidentChange closed = TakeOne();
  EXPECT_EQ(closed.incident.state(), v1::INCIDENT_STATE_RESOLVED);
  EXPECT_EQ(closed.incident.timeline().rbegin()->text(), "resolved: known");
  EXPECT_EQ(closed.incident.timeline().rbegin()->actor(), "ann");
  EXPECT_EQ(closed.incident.alerts(0).state(), v1::ALERT_STATE_FIRING);

  // The alert that still fires stays with it.
  Apply(Transition(Kind::kRenewed, "income", 2));
  EXPECT_EQ(TakeOne().incident.alerts(0).peak().score(), 2);
  EXPECT_EQ(book_.open(), 0u);
  // Another opens the next.
  Fire("age");
  const uint64_t next = TakeOne().id;
  EXPECT_NE(next, id);
  End("income");
  const IncidentChange ended = TakeOne();
  EXPECT_EQ(ended.id, id);
  EXPECT_EQ(ended.incident.alerts(0).state(), v1::ALERT_STATE_RESOLVED);
  EXPECT_EQ(book_.open(), 1u);
  // Firing again, it joins the open incident.
  Fire("income");
  EXPECT_EQ(TakeOne().id, next);
}

TEST_F(IncidentBookTest, CommandsSayWhatIsWrong) {
  Fire("income");
  const uint64_t id = TakeOne().id;
  const std::string text = FormatIncidentId(id);
  EXPECT_EQ(book_.Acknowledge(id + 1, kAnn, "", now_).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(book_.Comment(id, kAnn, "", now_).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(book_.Comment(id, Principal::Person(std::string(129, 'a')), "x", now_).message(),
            "actor: 129 bytes: expected at most 128");
  EXPECT_EQ(book_.Resolve(id, kAnn, std::string(4'097, 'a'), now_).message(),
            "comment: 4097 bytes: expected at most 4096");
  EXPECT_TRUE(Take().empty());
  ASSERT_TRUE(book_.Resolve(id, Principal::Person(""), "", now_).ok());
  EXPECT_EQ(TakeOne().incident.timeline().rbegin()->actor(), "somebody");
  const absl::Status again = book_.Resolve(id, kAnn, "", now_);
  EXPECT_EQ(again.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(again.message(), "incident " + text + " is already resolved");
  EXPECT_EQ(book_.Acknowledge(id, kAnn, "", now_).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(book_.Comment(id, kAnn, "afterthought", now_).ok());
  EXPECT_EQ(TakeOne().change, "comment by ann");
}

TEST_F(IncidentBookTest, AcknowledgingTwiceIsOnce) {
  Fire("income");
  const uint64_t id = TakeOne().id;
  ASSERT_TRUE(book_.Acknowledge(id, kAnn, "", now_).ok());
  EXPECT_EQ(TakeOne().incident.state(), v1::INCIDENT_STATE_ACKNOWLEDGED);
  ASSERT_TRUE(book_.Acknowledge(id, kAnn, "", now_).ok());
  EXPECT_TRUE(Take().empty());
  ASSERT_TRUE(book_.Acknowledge(id, kBob, "me too", now_).ok());
  EXPECT_EQ(TakeOne().incident.timeline().rbegin()->text(), "acknowledged: me too");
}

TEST_F(IncidentBookTest, CleansWhatPeopleWrite) {
  Fire("income");
  const uint64_t id = TakeOne().id;
  ASSERT_TRUE(
      book_.Comment(id, Principal::Person("a\x1b[31mn"), "line\nnext\xff \u202eend", now_).ok());
  const v1::IncidentEvent event = *TakeOne().incident.timeline().rbegin();
  EXPECT_EQ(event.actor(), "a [31mn");
  EXPECT_EQ(event.text(), "line next\uFFFD  end");
}

TEST_F(IncidentBookTest, OldOnesGoAndSayTheyWent) {
  std::vector<uint64_t> ids;
  for (int i = 0; i < 8; ++i) {
    Fire("income");
    End("income");
    ids.push_back(TakeOne().id);
  }
  EXPECT_EQ(book_.Comment(ids[0], kAnn, "late", now_).code(),
            absl::StatusCode::kFailedPrecondition);
  Fire("income");
  TakeOne();
  book_.Retain(5);
  const std::vector<IncidentChange> changes = Take();
  ASSERT_EQ(changes.size(), 3u);
  for (size_t i = 0; i < changes.size(); ++i) {
    EXPECT_EQ(changes[i].id, ids[i]);
    EXPECT_TRUE(changes[i].removed);
    EXPECT_EQ(changes[i].incident.model(), "credit");
  }
  EXPECT_EQ(book_.Comment(ids[0], kAnn, "late", now_).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(book_.open(), 1u);
  book_.Clear();
  EXPECT_EQ(Take().size(), 6u);
  EXPECT_EQ(book_.open(), 0u);
}

TEST_F(IncidentBookTest, ManyAlertsStayBounded) {
  for (int i = 0; i < 400; ++i) {
    const std::string signal = "s" + std::to_string(i);
    const v1::SignalEvidence evidence = EvidenceFor(signal, 0.5);
    Apply(Transition(Kind::kFired, signal, 1 + i), {.evidence = &evidence});
  }
  v1::Incident incident = TakeOne().incident;
  EXPECT_EQ(incident.alerts_total(), 400u);
  ASSERT_EQ(incident.alerts_size(), static_cast<int>(kIncidentAlertsMax));
  EXPECT_EQ(incident.alerts(0).signal(), "s399");
  EXPECT_EQ(incident.alerts(255).signal(), "s144");
  ASSERT_EQ(incident.evidence_size(), static_cast<int>(kIncidentEvidenceMax));
  EXPECT_EQ(incident.evidence(0).signal(), "s399");
  EXPECT_EQ(incident.evidence(15).signal(), "s384");
  ASSERT_EQ(incident.timeline_size(), static_cast<int>(kIncidentTimelineMax));
  // 401 entries: 255 kept, the others counted by the marker.
  EXPECT_EQ(incident.timeline(16).text(), "... 146 entries left out");
  EXPECT_EQ(incident.timeline(0).text(), "opened");
  EXPECT_THAT(incident.summary(), HasSubstr("at least 256 signals of credit 7"));
  for (int i = 0; i < 400; ++i) End("s" + std::to_string(i));
  EXPECT_EQ(TakeOne().incident.state(), v1::INCIDENT_STATE_RESOLVED);
}

TEST_F(IncidentBookTest, TimelineKeepsWhatPeopleSaid) {
  Fire("income");
  const uint64_t id = TakeOne().id;
  for (int i = 0; i < 50; ++i) book_.Note("deployed", Principal::Daemon(), now_);
  ASSERT_TRUE(book_.Comment(id, kAnn, "look here", now_).ok());
  for (int i = 0; i < 1'000; ++i) book_.Note("deployed again", Principal::Daemon(), now_);
  const v1::Incident incident = TakeOne().incident;
  ASSERT_EQ(incident.timeline_size(), 256);
  EXPECT_EQ(incident.timeline(16).text(), "... 798 entries left out");
  EXPECT_EQ(incident.timeline(17).text(), "look here");
}

TEST_F(IncidentBookTest, NotesNeedAnOpenIncident) {
  book_.Note("deployed 8", Principal::Daemon(), now_);
  EXPECT_TRUE(Take().empty());
}

TEST_F(IncidentBookTest, RenewedAlertsRenewEvidence) {
  v1::SignalEvidence evidence = EvidenceFor("income", 0.3);
  Apply(Transition(Kind::kFired, "income", 0.4), {.evidence = &evidence});
  evidence = EvidenceFor("income", 0.6);
  Apply(Transition(Kind::kRenewed, "income", 0.8), {.evidence = &evidence});
  v1::Incident incident = TakeOne().incident;
  ASSERT_EQ(incident.evidence_size(), 1);
  EXPECT_EQ(incident.evidence(0).cells(1).window_share(), 0.6);
  // A silence that begins is no higher peak.
  evidence = EvidenceFor("income", 0.1);
  AlertTransition silenced = Transition(Kind::kRenewed, "income", 0.8);
  silenced.alert.silenced = true;
  Apply(silenced, {.evidence = &evidence});
  const IncidentChange change = TakeOne();
  EXPECT_EQ(change.change, "psi of income is silenced");
  EXPECT_TRUE(change.incident.alerts(0).silenced());
  EXPECT_EQ(change.incident.evidence(0).cells(1).window_share(), 0.6);
}

TEST(FailureMode, HasTheValuesOfTheContract) {
  EXPECT_EQ(static_cast<int>(FailureMode::kDataQuality), v1::FAILURE_MODE_DATA_QUALITY);
  EXPECT_EQ(static_cast<int>(FailureMode::kInputDrift), v1::FAILURE_MODE_INPUT_DRIFT);
  EXPECT_EQ(static_cast<int>(FailureMode::kPredictionDrift), v1::FAILURE_MODE_PREDICTION_DRIFT);
  EXPECT_EQ(static_cast<int>(FailureMode::kUnusualInput), v1::FAILURE_MODE_UNUSUAL_INPUT);
  EXPECT_EQ(static_cast<int>(FailureMode::kOperational), v1::FAILURE_MODE_OPERATIONAL);
  EXPECT_EQ(static_cast<int>(FailureMode::kTrafficMix), v1::FAILURE_MODE_TRAFFIC_MIX);
  EXPECT_EQ(static_cast<int>(FailureMode::kMonitorBlind), v1::FAILURE_MODE_MONITOR_BLIND);
  EXPECT_EQ(static_cast<int>(Cause::kUnitChange), v1::CAUSE_UNIT_CHANGE);
  EXPECT_EQ(static_cast<int>(Cause::kTrafficStopped), v1::CAUSE_TRAFFIC_STOPPED);
  EXPECT_EQ(static_cast<int>(Cause::kRepeatedRows), v1::CAUSE_REPEATED_ROWS);
  EXPECT_EQ(static_cast<int>(Cause::kRelationBroken), v1::CAUSE_RELATION_BROKEN);
}

TEST(FailureMode, FollowsTheTable) {
  EXPECT_EQ(FailureModeOf(FailureMode::kDataQuality, v1::COLUMN_ROLE_UNSPECIFIED),
            v1::FAILURE_MODE_DATA_QUALITY);
  EXPECT_EQ(FailureModeOf(FailureMode::kInputDrift, v1::COLUMN_ROLE_TAG),
            v1::FAILURE_MODE_INPUT_DRIFT);
  EXPECT_EQ(FailureModeOf(FailureMode::kInputDrift, v1::COLUMN_ROLE_PREDICTION_SCORE),
            v1::FAILURE_MODE_PREDICTION_DRIFT);
  EXPECT_EQ(FailureModeOf(FailureMode::kDataQuality, v1::COLUMN_ROLE_PREDICTION),
            v1::FAILURE_MODE_DATA_QUALITY);
  EXPECT_EQ(FailureModeOf(FailureMode::kUnusualInput, v1::COLUMN_ROLE_FEATURE),
            v1::FAILURE_MODE_UNUSUAL_INPUT);
  EXPECT_EQ(FailureModeOf(FailureMode::kDataQuality, v1::COLUMN_ROLE_STATUS),
            v1::FAILURE_MODE_OPERATIONAL);
  EXPECT_EQ(LeadingFailureMode(v1::FAILURE_MODE_OPERATIONAL, v1::FAILURE_MODE_DATA_QUALITY),
            v1::FAILURE_MODE_DATA_QUALITY);
  EXPECT_EQ(LeadingFailureMode(v1::FAILURE_MODE_UNSPECIFIED, v1::FAILURE_MODE_OPERATIONAL),
            v1::FAILURE_MODE_OPERATIONAL);
}

}  // namespace
}  // namespace faultline
