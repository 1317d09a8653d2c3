#include "daemon/cli/console/incident_text.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "daemon/cli/console/plot.h"
#include "daemon/core/incident/triage.h"
#include "daemon/edge/report/incident_sentence.h"
#include "daemon/edge/report/report.h"
#include "faultline/v1/incident_service.pb.h"
#include "tests/daemon/cli/console/golden.h"
#include "tests/daemon/edge/review/review_server.h"

namespace faultline::cli {
namespace {

constexpr Style kPlain{.width = 80, .colour = false};

void AddCell(v1::SignalEvidence* evidence, const std::string& label, double reference,
             double window) {
  v1::DistributionCell* cell = evidence->add_cells();
  cell->set_label(label);
  cell->set_reference_share(reference);
  cell->set_window_share(window);
}

v1::SignalEvidence Numbers() {
  v1::SignalEvidence evidence;
  evidence.set_signal("income");
  evidence.set_reference_rows(5'000);
  evidence.set_window_rows(3'000);
  evidence.set_reference_mean(41.25);
  evidence.set_window_mean(63.5);
  for (int i = 0; i < 20; ++i) {
    AddCell(&evidence, std::to_string(i * 5) + " .. " + std::to_string(i * 5 + 5),
            0.1 * std::exp(-(i - 7) * (i - 7) / 18.0), 0.1 * std::exp(-(i - 14) * (i - 14) / 8.0));
  }
  AddCell(&evidence, "(under)", 0, 0);
  AddCell(&evidence, "(over)", 0, 0.02);
  AddCell(&evidence, "(missing)", 0.01, 0.24);
  AddCell(&evidence, "(invalid)", 0, 0);
  return evidence;
}

v1::SignalEvidence Categories() {
  v1::SignalEvidence evidence;
  evidence.set_signal("region");
  evidence.set_reference_rows(5'000);
  evidence.set_window_rows(3'000);
  AddCell(&evidence, "north", 0.5, 0.48);
  AddCell(&evidence, "so\x1b[31muth", 0.3, 0.02);
  AddCell(&evidence, "(unseen)", 0, 0.5);
  return evidence;
}

TEST(IncidentText, AlertsNameTheirShareOfTheAlarmBudget) {
  v1::Incident incident =
      testing::MakeIncident(uint64_t{7} << 40, "credit", v1::INCIDENT_STATE_OPEN);
  incident.mutable_alerts(0)->set_detector("mean_change");
  v1::Verdict* peak = incident.mutable_alerts(0)->mutable_peak();
  peak->set_budget_share(0.02);
  peak->set_evidence_ratio(3.5);
  const std::string text = IncidentText(incident, {.width = 200, .colour = false});
  EXPECT_NE(text.find("income: mean_change has 2 % of the alarm budget; its evidence was 3.5 times "
                      "what is an alarm\n"),
            std::string::npos)
      << text;
}

TEST(Plot, BlocksAndBars) {
  EXPECT_EQ(Blocks(std::vector<double>{0, 0.001, 0.5, 1, 2, -1, NAN}, 1), " ▁▄██  ");
  EXPECT_EQ(Blocks(std::vector<double>{1, 2}, 0), "  ");
  EXPECT_EQ(Bar(0, 8), "");
  EXPECT_EQ(Bar(1, 4), "████");
  EXPECT_EQ(Bar(0.5, 4), "██");
  EXPECT_EQ(Bar(0.28125, 4), "█▏");
  EXPECT_EQ(Bar(1e-9, 4), "▏") << "something is more than nothing";
  EXPECT_EQ(Bar(7, 4), "████");
  EXPECT_EQ(Bar(NAN, 4), "");
}

TEST(Plot, NumbersAsHistograms) {
  testing::ExpectGolden("plot_numbers.txt", PlotSignal(ViewOf(Numbers()), kPlain));
}

TEST(Plot, CategoriesAsBars) {
  testing::ExpectGolden("plot_categories.txt", PlotSignal(ViewOf(Categories()), kPlain));
}

TEST(Plot, BinsOfEqualSharesAreDrawnByWidth) {
  v1::SignalEvidence evidence;
  evidence.set_signal("amount");
  evidence.set_reference_mean(0);
  double low = 0;
  for (int i = 0; i < 60; ++i) {
    // Ever wider to the right; the last ones would take nearly all of the axis.
    const double high = low + std::exp(i / 6.0);
    AddCell(&evidence, std::to_string(low) + " .. " + std::to_string(high), 1.0 / 60,
            i < 30 ? 1.0 / 30 : 0);
    low = high;
  }
  testing::ExpectGolden("plot_skewed.txt",
                        PlotSignal(ViewOf(evidence), {.width = 60, .colour = false}));
}

TEST(Plot, AConstantReference) {
  v1::SignalEvidence evidence;
  evidence.set_signal("stuck");
  evidence.set_reference_mean(7);
  AddCell(&evidence, "7", 1, 0.4);
  AddCell(&evidence, "(under)", 0, 0.6);
  testing::ExpectGolden("plot_constant.txt", PlotSignal(ViewOf(evidence), kPlain));
}

TEST(Plot, LabelsThatAreNoNumbersAreCategories) {
  v1::SignalEvidence evidence;
  evidence.set_signal("odd");
  evidence.set_reference_mean(7);
  AddCell(&evidence, "5 .. nonsense", 0.5, 0.4);
  AddCell(&evidence, "nan .. inf", 0.5, 0.6);
  EXPECT_NE(PlotSignal(ViewOf(evidence), kPlain).find("5 .. nonsense"), std::string::npos);
}

// When it began and what it may be, with a sentence as the daemon makes it.
void Explain(v1::Incident* incident) {
  v1::TimeEstimate* change = incident->mutable_change_time();
  change->mutable_time()->set_seconds(1'699'999'800);
  change->mutable_earliest()->set_seconds(1'699'999'740);
  change->mutable_latest()->set_seconds(1'699'999'920);
  change->set_basis("likelihood ratio of the panes of the window");
  TriageFacts facts;
  incident->set_summary("age of credit 3 is missing in 24 % of rows since 2023-11-14 22:10:00 UTC");
  SignalFinding& age = facts.signals.emplace_back();
  age.name = "age";
  age.strength = 2;
  age.quality = true;
  age.finding = "is missing in 24 % of rows";
  age.missing_was = 0.01;
  age.missing_is = 0.24;
  facts.inputs = 2;
  facts.inputs_moved = 1;
  facts.deployed = true;
  facts.deployed_before_ns = 120'000'000'000;
  *incident->mutable_triage() = RankCauses(facts);
  incident->mutable_triage()->set_sentence(
      TriageSentence(incident->summary(), *change, incident->triage()));
  ASSERT_EQ(incident->triage().hypotheses_size(), 2);
  v1::Hypothesis* deployed = incident->mutable_triage()->mutable_hypotheses(1);
  deployed->add_arguments_against()->set_text("no output changed");
}

TEST(IncidentText, ShowsEverything) {
  v1::Incident incident =
      testing::MakeIncident(uint64_t{7} << 40, "credit", v1::INCIDENT_STATE_ACKNOWLEDGED);
  Explain(&incident);
  incident.clear_evidence();
  *incident.add_evidence() = Numbers();
  *incident.add_evidence() = Categories();
  v1::IncidentEvent* event = incident.add_timeline();
  event->mutable_time()->set_seconds(1'700'000'120);
  event->set_text("acknowledged: looking at it, and this remark is long enough to be wrapped");
  event->set_actor("zoe");
  testing::ExpectGolden("incident.txt", IncidentText(incident, kPlain));
}

TEST(IncidentText, Lists) {
  v1::ListIncidentsResponse list;
  EXPECT_EQ(ListText(list, kPlain), "No incidents.\n");
  *list.add_incidents() =
      testing::MakeIncident(uint64_t{7} << 40, "credit", v1::INCIDENT_STATE_OPEN);
  v1::Incident hostile =
      testing::MakeIncident(uint64_t{6} << 40, "x\x1b[2J", v1::INCIDENT_STATE_RESOLVED);
  hostile.set_summary("line one\nline two");
  *list.add_incidents() = hostile;
  testing::ExpectGolden("incidents.txt", ListText(list, {.width = 120, .colour = false}));
  testing::ExpectGolden("incidents_narrow.txt", ListText(list, {.width = 80, .colour = false}));
}

TEST(IncidentText, OneLinePerChange) {
  v1::WatchIncidentsResponse change;
  *change.mutable_incident() =
      testing::MakeIncident(uint64_t{7} << 40, "credit", v1::INCIDENT_STATE_OPEN);
  change.set_change("psi of income fired\x07");
  EXPECT_EQ(ChangeText(change, kPlain),
            "0000700000000  open          credit 3: psi of income fired\\x07; income moved aw…\n");
  change.mutable_incident()->set_subject("outcomes");
  EXPECT_EQ(ChangeText(change, kPlain),
            "0000700000000  open          credit 3, outcomes: psi of income fired\\x07; incom…\n");
}

// Wherever it is read, an incident is about one signal and began at one time.
TEST(IncidentText, SaysTheSameEverywhere) {
  v1::Incident incident =
      testing::MakeIncident(uint64_t{7} << 40, "credit", v1::INCIDENT_STATE_OPEN);
  Explain(&incident);
  const std::string headline =
      "age of credit 3 is missing in 24 % of rows since 2023-11-14 22:10:00 UTC";
  EXPECT_EQ(Headline(incident), headline);
  EXPECT_EQ(TimelessHeadline(incident), "age of credit 3 is missing in 24 % of rows");
  EXPECT_EQ(WholeSentence(incident).substr(0, headline.size() + 19),
            headline + " (it began between ");
  const Style wide{.width = 200, .colour = false};
  EXPECT_NE(IncidentText(incident, wide).find("  " + headline + "\n"), std::string::npos);
  v1::WatchIncidentsResponse change;
  *change.mutable_incident() = incident;
  EXPECT_NE(ChangeText(change, wide).find("; " + headline + "\n"), std::string::npos);
  EXPECT_NE(ReportPage(incident, {}, "").find("<h1>" + headline), std::string::npos);
  // Lists come without triage, and have the time in a column of its own.
  incident.clear_triage();
  v1::ListIncidentsResponse list;
  *list.add_incidents() = incident;
  const std::string listed = ListText(list, wide);
  EXPECT_NE(listed.find("2023-11-14 22:10:00Z"), std::string::npos) << listed;
  EXPECT_EQ(listed.find("since"), std::string::npos) << listed;
}

TEST(IncidentText, ACauseThatIsNotKnownIsSaidToBeNone) {
  v1::Incident incident =
      testing::MakeIncident(uint64_t{7} << 40, "credit", v1::INCIDENT_STATE_OPEN);
  EXPECT_EQ(IncidentText(incident, kPlain).find("Possible causes"), std::string::npos);
  *incident.mutable_triage() = RankCauses({});
  incident.mutable_triage()->set_sentence(TriageSentence("income moved", {}, incident.triage()));
  EXPECT_NE(IncidentText(incident, kPlain)
                .find("Possible causes\n  No known cause fits. Next: read the evidence.\n"),
            std::string::npos);
}

TEST(IncidentText, NothingUnprintableComesThrough) {
  v1::Incident incident =
      testing::MakeIncident(uint64_t{7} << 40, "\x1b[31mm", v1::INCIDENT_STATE_OPEN);
  const std::string evil = "\x1b]0;owned\x07\n\u202e";
  incident.set_version(evil);
  incident.set_summary(evil);
  incident.set_runbook_url(evil);
  (*incident.mutable_labels())[evil] = evil;
  incident.mutable_alerts(0)->set_signal(evil);
  incident.mutable_alerts(0)->set_detector(evil);
  incident.mutable_alerts(0)->mutable_verdict()->set_detail(evil);
  incident.mutable_triage()->set_sentence(evil);
  v1::Hypothesis* cause = incident.mutable_triage()->add_hypotheses();
  cause->set_title(evil);
  cause->set_next_step(evil);
  cause->add_arguments_for()->set_text(evil);
  cause->add_arguments_against()->set_text(evil);
  incident.mutable_change_time()->mutable_time()->set_seconds(1);
  incident.mutable_change_time()->set_basis(evil);
  incident.mutable_timeline(0)->set_text(evil);
  incident.mutable_timeline(0)->set_actor(evil);
  incident.mutable_evidence(0)->set_signal(evil);
  AddCell(incident.mutable_evidence(0), evil, 0.5, 0.5);
  const std::string text = IncidentText(incident, kPlain);
  for (const char c : text) {
    EXPECT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20) << static_cast<int>(c);
  }
  EXPECT_EQ(text.find("\u202e"), std::string::npos);
}

// Who decided can be told from who only claims to be that person, or from the daemon itself.
TEST(IncidentText, NamesThatAreNotVerifiedAreMarked) {
  v1::Incident incident;
  v1::IncidentEvent* event = incident.add_timeline();
  event->set_text("resolved");
  event->set_actor("daemon");
  v1::Actor* who = event->mutable_who();
  who->set_kind(v1::ACTOR_KIND_PERSON);
  who->set_name("daemon");
  EXPECT_NE(IncidentText(incident, kPlain).find("resolved (daemon, unauthenticated)"),
            std::string::npos);
  event->set_actor("root");
  who->set_name("root");
  who->set_authenticated(true);
  EXPECT_NE(IncidentText(incident, kPlain).find("resolved (root)"), std::string::npos);
  who->set_claimed_name("alice");
  EXPECT_NE(IncidentText(incident, kPlain).find("resolved (root, as alice)"), std::string::npos);
  who->set_kind(v1::ACTOR_KIND_DAEMON);
  event->set_actor("daemon");
  EXPECT_NE(IncidentText(incident, kPlain).find("resolved (daemon)"), std::string::npos);
}

}  // namespace
}  // namespace faultline::cli
