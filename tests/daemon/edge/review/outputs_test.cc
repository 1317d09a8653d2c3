#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <string_view>

#include "base/html.h"
#include "base/label_value.h"
#include "daemon/edge/ingest/post_events.h"
#include "daemon/edge/metrics/page_text.h"
#include "daemon/edge/notify/posted_alerts.h"
#include "daemon/edge/review/answer.h"
#include "daemon/edge/review/csv_text.h"
#include "daemon/log/log.h"
#include "tests/daemon/edge/ingest/fake_intake.h"
#include "tests/support/hostile_text.h"

namespace faultline {
namespace {

std::string AnswerToPost(const std::string& name) {
  FakeIntake intake;
  IngestionHub hub{&intake, [] { return int64_t{77}; }};
  std::string answer;
  PostEvents(&hub, R"({"model":"m","features":{")" + name + R"(":{"a":1}}})",
             [&](int, std::string body) { answer = std::move(body); });
  answer.pop_back();  // the line end
  return answer;
}

std::string PostedAlert(const std::string& text) {
  PostedAlerts alerts({60'000'000'000, {{text, text}}, ""});
  v1::Incident incident;
  incident.set_id("0000700000000");
  incident.set_model(text);
  incident.set_version(text);
  incident.set_subject(text);
  incident.set_summary(text);
  incident.set_runbook_url(text);
  (*incident.mutable_labels())[text] = text;
  incident.add_alerts()->set_state(v1::ALERT_STATE_FIRING);
  alerts.Apply(incident, 0, 0);
  return alerts.Take(0, 0).body;
}

// Every way in which text from outside leaves the daemon. The command line has the same test.
const struct Output {
  const char* name;
  std::function<std::string(const std::string&)> write;
  const char* keeps = "";  // line breaks and tabs that stay
} kOutputs[] = {
    {"text log",
     [](const std::string& text) {
       return FormatLogText(text, {{"a", text}}, 0);
     }},
    {"JSON log",
     [](const std::string& text) {
       return FormatLogJson(text, {{"a", text}}, 0);
     }},
    {"report page", [](const std::string& text) { return HtmlLink("http://" + text, text); }},
    {"CSV", [](const std::string& text) { return review::CsvText(text); }, "\t\r\n"},
    {"metrics page",
     [](const std::string& text) {
       return Labels({{"a", text}}).text();
     }},
    {"label of an alert", LabelValue, "\n"},
    {"posted alert", PostedAlert},
    {"answer to a post", AnswerToPost},
    {"error of a call", [](const std::string& text) { return review::NameModel(text, text); }},
};

TEST(Outputs, NoneShowsAnUnsafeCharacter) {
  for (const Output& output : kOutputs) {
    for (const std::string& hostile : testing::HostileCharacters()) {
      if (std::string_view(output.keeps).find(hostile) != std::string_view::npos) continue;
      EXPECT_EQ(output.write("x" + hostile + "y").find(hostile), std::string::npos)
          << output.name << ": " << ::testing::PrintToString(hostile);
    }
  }
}

}  // namespace
}  // namespace faultline
