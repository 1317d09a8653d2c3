#include "daemon/edge/report/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/html.h"
#include "daemon/edge/report/report_figures.h"
#include "faultline/v1/evidence.pb.h"

namespace faultline {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kHostile[] = "</style><script>alert('x')</script>\" onload=\"x&\x1b[31m\u202E";

v1::Incident MakeIncident() {
  v1::Incident incident;
  incident.set_id("0000000abcdef");
  incident.set_model("credit");
  incident.set_version("7");
  incident.set_state(v1::INCIDENT_STATE_OPEN);
  incident.set_severity(v1::SEVERITY_CRITICAL);
  incident.set_failure_mode(v1::FAILURE_MODE_DATA_QUALITY);
  incident.set_summary("income is missing in 34 % of rows");
  incident.mutable_start_time()->set_seconds(1'700'000'000);
  incident.mutable_open_time()->set_seconds(1'700'000'060);
  v1::Alert* alert = incident.add_alerts();
  alert->set_signal("income");
  alert->set_detector("missing_change");
  alert->set_state(v1::ALERT_STATE_FIRING);
  alert->set_severity(v1::SEVERITY_CRITICAL);
  alert->mutable_start_time()->set_seconds(1'700'000'000);
  alert->mutable_fire_time()->set_seconds(1'700'000'030);
  alert->mutable_verdict()->set_score(8.5);
  alert->mutable_verdict()->set_threshold(6.25);
  alert->mutable_verdict()->set_effect_size(0.34);
  alert->mutable_verdict()->set_effect_low(0.31);
  alert->mutable_verdict()->set_effect_high(0.37);
  alert->mutable_verdict()->set_rows_per_independent_row(2.5);
  alert->mutable_verdict()->set_season_hours(24);
  v1::SignalEvidence* evidence = incident.add_evidence();
  evidence->set_signal("income");
  evidence->set_reference_rows(5'000);
  evidence->set_window_rows(3'000);
  evidence->set_reference_mean(2);
  evidence->set_window_mean(3);
  for (int i = 0; i < 4; ++i) {
    v1::DistributionCell* cell = evidence->add_cells();
    cell->set_label(std::to_string(i) + " .. " + std::to_string(i + 1));
    cell->set_reference_share(0.25);
    cell->set_window_share(i == 3 ? 0.6 : 0.02);
  }
  v1::DistributionCell* missing = evidence->add_cells();
  missing->set_label("(missing)");
  missing->set_window_share(0.34);
  return incident;
}

v1::EvidenceBundle MakeBundle(const std::string& text) {
  v1::EvidenceBundle bundle;
  bundle.set_promise(text);
  v1::ContributingSignal* signal = bundle.add_signals();
  signal->set_signal(text);
  signal->set_finding(text);
  signal->mutable_reference()->set_rows(100);
  signal->mutable_at_peak()->set_rows(50);
  for (v1::Distribution* side : {signal->mutable_reference(), signal->mutable_at_peak()}) {
    v1::DistributionBin* bin = side->add_bins();
    bin->set_label(text);
    bin->set_count(side->rows());
  }
  signal->mutable_at_peak()->add_unseen()->set_category(text);
  v1::VerdictSeries* series = signal->add_series();
  series->set_signal(text);
  series->set_detector(text);
  for (int i = 0; i < 3; ++i) {
    v1::VerdictPoint* point = series->add_points();
    point->mutable_time()->set_seconds(1'700'000'000 + 10 * i);
    point->set_score(i * 4);
    point->set_threshold(6);
    point->set_state(i == 2 ? v1::VERDICT_STATE_ALARM : v1::VERDICT_STATE_QUIET);
  }
  bundle.add_slices()->set_slice(text);
  v1::ExampleEvent* example = bundle.add_examples();
  example->set_prediction_id(text);
  v1::ExampleValue* value = example->add_values();
  value->set_name(text);
  value->set_value(text);
  bundle.add_prediction_ids(text);
  bundle.mutable_versions()->set_daemon(text);
  bundle.mutable_versions()->set_config_digest(text);
  bundle.mutable_versions()->add_detectors()->set_detector(text);
  return bundle;
}

v1::Incident MakeHostileIncident() {
  v1::Incident incident = MakeIncident();
  incident.set_model(kHostile);
  incident.set_version(kHostile);
  incident.set_summary(kHostile);
  incident.set_runbook_url("javascript:alert(1)");
  (*incident.mutable_labels())[kHostile] = kHostile;
  incident.mutable_alerts(0)->set_signal(kHostile);
  incident.mutable_alerts(0)->set_detector(kHostile);
  incident.mutable_evidence(0)->set_signal(kHostile);
  incident.mutable_evidence(0)->mutable_cells(0)->set_label(kHostile);
  incident.mutable_triage()->set_sentence(kHostile);
  v1::Hypothesis* hypothesis = incident.mutable_triage()->add_hypotheses();
  hypothesis->set_title(kHostile);
  hypothesis->set_next_step(kHostile);
  hypothesis->add_arguments_for()->set_text(kHostile);
  hypothesis->add_arguments_against()->set_text(kHostile);
  incident.mutable_change_time()->mutable_time()->set_seconds(1'700'000'000);
  incident.mutable_change_time()->set_basis(kHostile);
  v1::IncidentEvent* event = incident.add_timeline();
  event->set_text(kHostile);
  event->set_kind(v1::INCIDENT_EVENT_KIND_REVIEW);
  event->mutable_who()->set_name(kHostile);
  event->mutable_who()->set_claimed_name(kHostile);
  return incident;
}

// Nothing of the page is markup that an incident brought along.
void ExpectHarmless(const std::string& page) {
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, Not(HasSubstr("onload=\"")));
  EXPECT_THAT(page, Not(HasSubstr("href=\"javascript")));
  EXPECT_THAT(page, Not(HasSubstr("\x1b")));
  EXPECT_THAT(page, Not(HasSubstr("\u202E")));
  EXPECT_EQ(page.find("</style>"), page.rfind("</style>"));
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;"));
}

TEST(Html, IsText) {
  EXPECT_EQ(Html("<a b='c' d=\"e\">&"), "&lt;a b=&#39;c&#39; d=&quot;e&quot;&gt;&amp;");
  EXPECT_EQ(Html("a\x1b\xFFz\nö"), "a\uFFFD\uFFFDz ö");
  EXPECT_EQ(HtmlLink("javascript:alert(1)", "x"), "x");
  EXPECT_EQ(HtmlLink("https://a/?b&c", "x"),
            "<a href=\"https://a/?b&amp;c\" rel=\"noreferrer\">x</a>");
}

TEST(Report, SaysWhatTheIncidentSays) {
  const std::string page = ReportPage(MakeIncident(), {}, "/incidents");
  for (const char* text :
       {"<h1>income is missing in 34 % of rows</h1>", "2023-11-14 22:13:20 UTC", "credit 7",
        "data quality", "8.5", "6.25", "0.34 (0.31 to 0.37)", "hour of the day", "Histogram of",
        "(missing)", "Not reviewed yet", "alarm budget"}) {
    EXPECT_THAT(page, HasSubstr(text));
  }
}

v1::DistributionBin* AddBin(const char* label, uint64_t count, v1::Distribution* out) {
  v1::DistributionBin* bin = out->add_bins();
  bin->set_label(label);
  bin->set_count(count);
  return bin;
}

void AddQuantile(double probability, double value, v1::Distribution* out) {
  v1::Quantile* quantile = out->add_quantiles();
  quantile->set_probability(probability);
  quantile->set_value(value);
}

// Half of 100 values within 0 to 120, 20 below and 30 above.
v1::Distribution MakeWindow() {
  v1::Distribution window;
  window.set_rows(100);
  window.set_least(-1'000);
  window.set_largest(5'120);
  for (int i = 0; i < 2; ++i) {
    v1::DistributionBin* bin = AddBin(i == 0 ? "0 .. 60" : "60 .. 120", 25, &window);
    bin->set_low(i * 60);
    bin->set_high(i * 60 + 60);
  }
  AddBin("(under)", 20, &window);
  AddBin("(over)", 30, &window);
  AddBin("(missing)", 7, &window);
  return window;
}

TEST(Report, AQuantileBeyondTheRangeOfTheReferenceIsNotInvented) {
  v1::Distribution window = MakeWindow();
  AddQuantile(0.05, -750, &window);  // a quarter of the way from -1000 to 0
  AddQuantile(0.5, 72, &window);     // within
  AddQuantile(0.95, 120 + 5'000 * (25.0 / 30), &window);
  EXPECT_EQ(QuantileText(window, 0.05), "below 0");
  EXPECT_EQ(QuantileText(window, 0.5), "72");
  EXPECT_EQ(QuantileText(window, 0.95), "above 120");
  EXPECT_EQ(QuantileText(window, 0.99), "–") << "not there";
  v1::EvidenceBundle bundle;
  v1::ContributingSignal* signal = bundle.add_signals();
  signal->set_signal("income");
  *signal->mutable_at_open() = window;
  const std::string page = ReportPage(MakeIncident(), bundle, "");
  EXPECT_THAT(page, HasSubstr("<td class=\"number\">above 120</td>"));
  EXPECT_THAT(page, Not(HasSubstr("4287")));
}

TEST(Report, AQuantileThatASketchKnowsIsShown) {
  v1::Distribution window = MakeWindow();
  AddQuantile(0.05, -20, &window);
  AddQuantile(0.95, 130, &window);
  EXPECT_EQ(QuantileText(window, 0.05), "-20");
  EXPECT_EQ(QuantileText(window, 0.95), "130");
}

TEST(Report, FixedThresholdsPromiseNothing) {
  v1::Incident incident = MakeIncident();
  incident.set_unbudgeted(true);
  incident.mutable_alerts(0)->mutable_verdict()->set_unbudgeted(true);
  const std::string page = ReportPage(incident, {}, "");
  EXPECT_THAT(page, HasSubstr("promise nothing about how often they are wrong"));
  EXPECT_THAT(page, Not(HasSubstr("alarm budget")));
}

TEST(Report, NeedsNothingFromOutside) {
  const std::string page = ReportPage(MakeIncident(), MakeBundle("text"), "");
  for (const char* text : {"src=", "<link", "@import", "url(", "http://", "https://"}) {
    EXPECT_THAT(page, Not(HasSubstr(text)));
  }
}

TEST(Report, HostileTextIsText) {
  ExpectHarmless(ReportPage(MakeHostileIncident(), {}, "/incidents"));
  ExpectHarmless(ReportPage(MakeHostileIncident(), MakeBundle(kHostile), "/incidents"));
  ExpectHarmless(ReportListPage({.incidents = {MakeHostileIncident()},
                                 .model = kHostile,
                                 .list_url = "/incidents",
                                 .older_url = "/incidents?before=x"}));
}

TEST(Report, AnEmptyIncidentIsAPage) {
  EXPECT_THAT(ReportPage({}, {}, ""), HasSubstr("Nothing is known yet"));
  EXPECT_THAT(ReportListPage({}), HasSubstr("No incidents."));
}

}  // namespace
}  // namespace faultline
