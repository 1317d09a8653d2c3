#include "daemon/edge/notify/posted_alerts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <boost/json/value_to.hpp>
#include <limits>
#include <string>

#include "base/label_value.h"
#include "tests/support/hostile_text.h"

namespace faultline {
namespace {

namespace json = boost::json;
using ::testing::HasSubstr;

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kWall = 1'700'000'000 * kSecond;
constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

v1::Incident MakeIncident(const std::string& id, const std::string& model = "credit") {
  v1::Incident incident;
  incident.set_id(id);
  incident.set_model(model);
  incident.set_version("7");
  incident.set_state(v1::INCIDENT_STATE_OPEN);
  incident.set_severity(v1::SEVERITY_WARNING);
  incident.set_summary("income moved");
  incident.mutable_open_time()->set_seconds(1'699'999'990);
  incident.set_alerts_total(1);
  v1::Alert* alert = incident.add_alerts();
  alert->set_signal("income");
  alert->set_state(v1::ALERT_STATE_FIRING);
  return incident;
}

void Resolve(v1::Incident* incident) {
  incident->set_state(v1::INCIDENT_STATE_RESOLVED);
  incident->mutable_resolve_time()->set_seconds(1'699'999'999);
}

PostedAlerts Make(std::map<std::string, std::string> labels = {}) {
  return PostedAlerts({60 * kSecond, std::move(labels), "http://127.0.0.1:7072"});
}

json::array Parse(const PostedAlerts::Batch& batch) {
  return batch.body.empty() ? json::array() : json::parse(batch.body).as_array();
}

std::string Text(const json::value& alert, const char* part, const char* name) {
  const json::value* found = alert.at(part).as_object().if_contains(name);
  return found == nullptr ? "(none)" : json::value_to<std::string>(*found);
}

TEST(PostedAlerts, OneAlertPerIncidentWithItsAddress) {
  PostedAlerts alerts = Make({{"instance", "a"}});
  v1::Incident incident = MakeIncident("0000700000000");
  (*incident.mutable_labels())["team"] = "risk";
  (*incident.mutable_labels())["cost-centre"] = "4";
  (*incident.mutable_labels())["model"] = "an owner's label does not hide the model";
  incident.set_runbook_url("https://example.com/r");
  ASSERT_TRUE(alerts.Apply(incident, 0, kWall));
  const json::array sent = Parse(alerts.Take(0, kWall));
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(json::serialize(sent[0].at("labels")),
            R"({"alertname":"FaultlineIncident","cost_centre":"4","instance":"a",)"
            R"("model":"credit","severity":"warning","team":"risk","version":"7"})");
  EXPECT_EQ(Text(sent[0], "annotations", "incident_id"), "0000700000000");
  EXPECT_EQ(Text(sent[0], "annotations", "summary"), "income moved");
  EXPECT_EQ(Text(sent[0], "annotations", "runbook_url"), "https://example.com/r");
  EXPECT_EQ(sent[0].at("generatorURL"), "http://127.0.0.1:7072/incidents/0000700000000");
  EXPECT_EQ(sent[0].at("startsAt"), "2023-11-14T22:13:10+00:00");
  EXPECT_EQ(sent[0].at("endsAt"), "2023-11-14T22:17:20+00:00") << "four resends from now";
}

TEST(PostedAlerts, TwoSubjectsOfAModelAreTwoAlerts) {
  PostedAlerts alerts = Make();
  v1::Incident outcomes = MakeIncident("0000700000001");
  outcomes.set_subject("outcomes");
  ASSERT_TRUE(alerts.Apply(MakeIncident("0000700000000"), 0, kWall));
  ASSERT_TRUE(alerts.Apply(outcomes, 0, kWall));
  const json::array sent = Parse(alerts.Take(0, kWall));
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(Text(sent[0], "labels", "subject"), "outcomes");
  EXPECT_EQ(Text(sent[1], "labels", "subject"), "(none)");
}

TEST(PostedAlerts, GoesOnBeingSentUntilItResolvesAndThenUntilThatIsTaken) {
  PostedAlerts alerts = Make();
  v1::Incident incident = MakeIncident("0000700000000");
  alerts.Apply(incident, 0, kWall);
  EXPECT_EQ(alerts.DueNs(), 0);
  PostedAlerts::Batch batch = alerts.Take(0, kWall);
  EXPECT_EQ(alerts.Take(0, kWall).alerts.size(), 1u) << "it was not taken";
  alerts.Taken(batch, 0);
  EXPECT_EQ(alerts.DueNs(), 60 * kSecond);
  EXPECT_TRUE(alerts.Take(59 * kSecond, kWall).alerts.empty());
  incident.set_summary("income moved far");
  alerts.Apply(incident, 30 * kSecond, kWall);
  EXPECT_EQ(alerts.DueNs(), 60 * kSecond) << "other words can wait";
  batch = alerts.Take(60 * kSecond, kWall);
  EXPECT_EQ(Text(Parse(batch).at(0), "annotations", "summary"), "income moved far");
  alerts.Taken(batch, 60 * kSecond);

  Resolve(&incident);
  alerts.Apply(incident, 70 * kSecond, kWall);
  EXPECT_EQ(alerts.DueNs(), 70 * kSecond);
  batch = alerts.Take(70 * kSecond, kWall);
  EXPECT_EQ(Parse(batch).at(0).at("endsAt"), "2023-11-14T22:13:19+00:00");
  EXPECT_EQ(alerts.Take(99 * kSecond, kWall).alerts.size(), 1u) << "it was not taken";
  alerts.Taken(batch, 99 * kSecond);
  EXPECT_EQ(alerts.size(), 0u);
  EXPECT_EQ(alerts.DueNs(), kNever);
}

TEST(PostedAlerts, AnAlertThatWasNeverPostedNeedsNoEnd) {
  PostedAlerts alerts = Make();
  v1::Incident incident = MakeIncident("0000700000000");
  alerts.Apply(incident, 0, kWall);
  Resolve(&incident);
  alerts.Apply(incident, 1, kWall);
  EXPECT_EQ(alerts.size(), 0u);
}

TEST(PostedAlerts, ChangesWhileAPostIsUnderWayAreNotLost) {
  PostedAlerts alerts = Make();
  v1::Incident incident = MakeIncident("0000700000000");
  alerts.Apply(incident, 0, kWall);
  PostedAlerts::Batch batch = alerts.Take(0, kWall);
  Resolve(&incident);
  alerts.Apply(incident, 1, kWall);
  alerts.Taken(batch, 2);
  batch = alerts.Take(2, kWall);
  ASSERT_EQ(batch.alerts.size(), 1u) << "the end is still to be told";
  // The next incident of the model begins before the end of this one was taken.
  alerts.Apply(MakeIncident("0000800000000"), 3, kWall);
  alerts.Taken(batch, 4);
  const json::array sent = Parse(alerts.Take(4, kWall));
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(Text(sent[0], "annotations", "incident_id"), "0000800000000");
  EXPECT_EQ(sent[0].at("endsAt"), "2023-11-14T22:17:20+00:00");
}

TEST(PostedAlerts, ARisingSeverityEndsTheOldAlertAndBeginsANewOne) {
  PostedAlerts alerts = Make();
  v1::Incident incident = MakeIncident("0000700000000");
  alerts.Apply(incident, 0, kWall);
  alerts.Taken(alerts.Take(0, kWall), 0);
  incident.set_severity(v1::SEVERITY_CRITICAL);
  alerts.Apply(incident, 1, kWall);
  const PostedAlerts::Batch batch = alerts.Take(1, kWall);
  const json::array sent = Parse(batch);
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(Text(sent[0], "labels", "severity"), "critical");
  EXPECT_EQ(sent[0].at("endsAt"), "2023-11-14T22:17:20+00:00");
  EXPECT_EQ(Text(sent[1], "labels", "severity"), "warning");
  EXPECT_EQ(sent[1].at("endsAt"), "2023-11-14T22:13:20+00:00");
  alerts.Taken(batch, 1);
  EXPECT_EQ(alerts.size(), 1u);
}

TEST(PostedAlerts, SilencedAndDeletedIncidentsEndAcknowledgedOnesGoOn) {
  PostedAlerts alerts = Make();
  v1::Incident incident = MakeIncident("0000700000000");
  alerts.Apply(incident, 0, kWall);
  alerts.Taken(alerts.Take(0, kWall), 0);
  incident.set_state(v1::INCIDENT_STATE_ACKNOWLEDGED);
  alerts.Apply(incident, 1, kWall);
  EXPECT_EQ(alerts.DueNs(), 60 * kSecond);
  incident.mutable_alerts(0)->set_silenced(true);
  alerts.Apply(incident, 2, kWall);
  EXPECT_EQ(Parse(alerts.Take(2, kWall)).at(0).at("endsAt"), "2023-11-14T22:13:20+00:00");
  incident.mutable_alerts(0)->set_silenced(false);
  alerts.Apply(incident, 3, kWall);
  alerts.Taken(alerts.Take(3, kWall), 3);
  alerts.Remove("0000700000000", 4, kWall);
  alerts.Remove("0000700000000", 5, kWall);
  EXPECT_EQ(alerts.DueNs(), 4);
  alerts.Taken(alerts.Take(4, kWall), 4);
  EXPECT_EQ(alerts.size(), 0u);
}

TEST(PostedAlerts, ASuppressedIncidentEndsAndGoesOnWhenThatIsOver) {
  PostedAlerts alerts = Make();
  v1::Incident incident = MakeIncident("0000700000000");
  alerts.Apply(incident, 0, kWall);
  alerts.Taken(alerts.Take(0, kWall), 0);
  incident.mutable_suppressed_until()->set_seconds(1'700'000'100);
  alerts.Apply(incident, 1, kWall);
  PostedAlerts::Batch batch = alerts.Take(1, kWall);
  EXPECT_EQ(Parse(batch).at(0).at("endsAt"), "2023-11-14T22:13:20+00:00");
  alerts.Taken(batch, 1);
  EXPECT_EQ(alerts.DueNs(), 100 * kSecond + 1);
  batch = alerts.Take(100 * kSecond + 1, kWall + 100 * kSecond);
  ASSERT_EQ(batch.alerts.size(), 1u);
  EXPECT_EQ(Parse(batch).at(0).at("endsAt"), "2023-11-14T22:19:00+00:00");
  alerts.Taken(batch, 100 * kSecond + 1);
  incident.mutable_suppressed_until()->set_seconds(1'800'000'000);
  alerts.Apply(incident, 101 * kSecond, kWall + 100 * kSecond);
  Resolve(&incident);
  alerts.Apply(incident, 102 * kSecond, kWall + 102 * kSecond);
  alerts.Taken(alerts.Take(102 * kSecond, kWall), 102 * kSecond);
  EXPECT_EQ(alerts.DueNs(), kNever) << "resolved, nothing is left of it";
}

TEST(PostedAlerts, IsBoundedAndSendsInBatches) {
  PostedAlerts alerts = Make();
  for (size_t i = 0; i < PostedAlerts::kAlertsMax; ++i) {
    ASSERT_TRUE(alerts.Apply(MakeIncident(std::to_string(i), std::to_string(i)), 0, kWall));
  }
  EXPECT_FALSE(alerts.Apply(MakeIncident("x", "x"), 0, kWall));
  EXPECT_EQ(alerts.size(), PostedAlerts::kAlertsMax);
  const PostedAlerts::Batch batch = alerts.Take(0, kWall);
  EXPECT_EQ(batch.alerts.size(), PostedAlerts::kBatchMax);
  alerts.Taken(batch, 0);
  EXPECT_NE(alerts.Take(0, kWall).alerts[0], batch.alerts[0]) << "then the others";
}

TEST(PostedAlerts, HostileTextStaysText) {
  PostedAlerts alerts = Make();
  v1::Incident incident = MakeIncident("0000700000000", "m\"},{\"\x1b[2J\xff");
  (*incident.mutable_labels())["9 \"bad\" name"] = std::string(1'000, 'x');
  incident.set_summary("line\nnext\xc3");
  alerts.Apply(incident, 0, kWall);
  const PostedAlerts::Batch batch = alerts.Take(0, kWall);
  const json::array sent = Parse(batch);
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(Text(sent[0], "labels", "model"), LabelValue("m\"},{\"\x1b[2J\xff"));
  EXPECT_LE(Text(sent[0], "labels", "_9__bad__name").size(), 128u);
  EXPECT_THAT(batch.body, ::testing::Not(HasSubstr("\n")));
}

TEST(PostedAlerts, NoLabelHasAnUnsafeCharacter) {
  for (const std::string& hostile : testing::HostileCharacters()) {
    PostedAlerts alerts = Make();
    alerts.Apply(MakeIncident("0000700000000", "a" + hostile + "b"), 0, kWall);
    const json::array sent = Parse(alerts.Take(0, kWall));
    ASSERT_EQ(sent.size(), 1u);
    const std::string model = Text(sent[0], "labels", "model");
    if (hostile != "\n") {  // Both formats escape line breaks.
      EXPECT_EQ(model.find(hostile), std::string::npos) << ::testing::PrintToString(hostile);
    }
    EXPECT_EQ(model, LabelValue("a" + hostile + "b")) << "as on the metrics page";
  }
}

}  // namespace
}  // namespace faultline
