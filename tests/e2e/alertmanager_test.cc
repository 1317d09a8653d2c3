#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <boost/json/value_to.hpp>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "daemon/client/producer.h"
#include "daemon/edge/http/http_server.h"
#include "tests/support/daemon_calls.h"
#include "tests/support/daemon_child.h"
#include "tests/support/server_child.h"
#include "tests/support/streams.h"

// The real daemon posts its incidents to the real Alertmanager (Debian's), which calls us.

namespace faultline::testing {
namespace {

namespace json = boost::json;
using ::testing::HasSubstr;

constexpr const char* kProgram = "prometheus-alertmanager";

// Where Alertmanager sends its notifications: "firing ID" or "resolved ID", by our incident ids.
class Receiver {
 public:
  Receiver() {
    const auto events = [this](const faultline::HttpRequest& request, const HttpReply& reply) {
      const json::value body = json::parse(request.body);
      const std::lock_guard lock(mutex_);
      for (const json::value& alert : body.at("alerts").as_array()) {
        heard_.push_back(json::value_to<std::string>(alert.at("status")) + " " +
                         json::value_to<std::string>(alert.at("annotations").at("incident_id")));
        urls_.push_back(json::value_to<std::string>(alert.at("generatorURL")));
      }
      reply({200, "text/plain", "", ""});
    };
    HttpOptions options;
    options.address = "127.0.0.1:0";
    server_ = std::move(*HttpServer::Start(
        options,
        {{.path = "/v1/events", .handler = events, .methods = HttpMethods::kPost, .body = true}}));
  }
  std::string url() const { return "http://" + server_->address() + "/v1/events"; }
  bool Heard(const std::string& what) {
    const std::lock_guard lock(mutex_);
    return std::find(heard_.begin(), heard_.end(), what) != heard_.end();
  }
  std::string LastUrl() {
    const std::lock_guard lock(mutex_);
    return urls_.empty() ? "" : urls_.back();
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> heard_;
  std::vector<std::string> urls_;
  std::unique_ptr<HttpServer> server_;
};

class Alertmanager : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!HasProgram(kProgram)) GTEST_SKIP() << kProgram << " (Debian package) is not installed";
    WriteFile(folder_.File("alertmanager.yml"),
              "route: {receiver: us, group_by: ['...'], group_wait: 0s, group_interval: 1s,\n"
              "        repeat_interval: 1h}\n"
              "receivers:\n"
              "  - name: us\n"
              "    webhook_configs: [{url: '" +
                  receiver_.url() + "', send_resolved: true}]\n");
    alertmanager_ = std::make_unique<ServerChild>(
        std::vector<std::string>{kProgram, "--config.file=" + folder_.File("alertmanager.yml"),
                                 "--storage.path=" + folder_.File("data"),
                                 "--web.listen-address=127.0.0.1:{port}",
                                 "--cluster.listen-address="},
        "/-/ready", folder_.File("log"));
    daemon_ = std::make_unique<DaemonChild>(
        FAULTLINE_BINARY, "alertmanager: {url: 'http://" + alertmanager_->address() +
                              "', resend: 1s, labels: {instance: one}}\n"
                              "commit: {interval: 10ms}\n"
                              "defaults:\n"
                              "  pane: {rows: 100}\n"
                              "  window_panes: 3\n"
                              "  reference: {learn_rows: 500}\n"
                              "  detectors: [{psi: {threshold: 0.5}}]\n");
    ASSERT_TRUE(daemon_->Start()) << daemon_->log();
  }

  // Traffic with its mean at `shift`; one pane each.
  void Send(int panes, double shift) {
    if (producer_ == nullptr) {
      cli::ProducerOptions options;
      options.address = daemon_->socket_address();
      options.id = "p";
      producer_ = std::move(*cli::Producer::Connect(options));
    }
    for (int pane = 0; pane < panes; ++pane) {
      Random random(++sent_);
      v1::InferenceBatch batch;
      batch.set_model("m");
      batch.set_version("1");
      batch.set_rows(100);
      v1::Column* x = batch.add_columns();
      x->set_name("x");
      for (int row = 0; row < 100; ++row) x->mutable_doubles()->add_values(random.Normal() + shift);
      ASSERT_TRUE(producer_->Send(std::move(batch)).ok());
    }
    ASSERT_TRUE(producer_->Flush(std::chrono::minutes(2)).ok()) << daemon_->log();
  }

  // The alerts that are active in Alertmanager.
  std::string Active() {
    std::string answer;
    if (HttpRequest(alertmanager_->address(), "GET", "/api/v2/alerts?active=true", "", &answer) !=
        200) {
      return "no answer";
    }
    return answer;
  }
  std::string Metrics() {
    std::string page;
    HttpRequest(daemon_->http_address(), "GET", "/metrics", "", &page);
    return page;
  }

  TempFolder folder_;
  Receiver receiver_;
  std::unique_ptr<ServerChild> alertmanager_;
  std::unique_ptr<DaemonChild> daemon_;
  std::unique_ptr<cli::Producer> producer_;
  uint64_t sent_ = 0;
};

TEST_F(Alertmanager, HearsOfIncidentsAndOfTheirEnd) {
  ASSERT_TRUE(alertmanager_->Start()) << alertmanager_->log();
  Send(20, 0);
  Send(6, 5);
  const std::vector<v1::Incident> incidents = Incidents(*daemon_);
  ASSERT_EQ(incidents.size(), 1u);
  const std::string id = incidents[0].id();
  ASSERT_TRUE(WaitUntil([&] { return receiver_.Heard("firing " + id); })) << daemon_->log();
  EXPECT_EQ(receiver_.LastUrl(), "http://" + daemon_->reports_address() + "/incidents/" + id);
  const json::value active = json::parse(Active());
  ASSERT_EQ(active.as_array().size(), 1u);
  EXPECT_EQ(active.at(0).at("labels").at("alertname"), "FaultlineIncident");
  EXPECT_EQ(active.at(0).at("labels").at("instance"), "one");
  EXPECT_EQ(active.at(0).at("annotations").at("incident_id"), json::value(id));
  // The address leads to the report.
  std::string page;
  EXPECT_EQ(HttpRequest(daemon_->reports_address(), "GET", "/incidents/" + id, "", &page), 200);
  EXPECT_THAT(page, HasSubstr(id));

  Send(12, 0);
  EXPECT_EQ(Incidents(*daemon_)[0].state(), v1::INCIDENT_STATE_RESOLVED);
  EXPECT_TRUE(WaitUntil([&] { return receiver_.Heard("resolved " + id); }));
  EXPECT_TRUE(WaitUntil([&] { return Active() == "[]\n"; })) << Active();
  EXPECT_THAT(Metrics(), HasSubstr("faultline_alertmanager_alerts 0\n"));
}

TEST_F(Alertmanager, HearsOfEverythingAfterItWasDown) {
  Send(20, 0);
  Send(6, 5);
  const std::string id = Incidents(*daemon_).at(0).id();
  EXPECT_TRUE(WaitUntil(
      [&] { return Metrics().find("faultline_alertmanager_up 0\n") != std::string::npos; }));
  // It was down when the incident opened.
  ASSERT_TRUE(alertmanager_->Start()) << alertmanager_->log();
  ASSERT_TRUE(WaitUntil([&] { return receiver_.Heard("firing " + id); })) << daemon_->log();
  EXPECT_THAT(Metrics(), HasSubstr("faultline_alertmanager_up 1\n"));
  // It comes back without its alerts, and receives them again.
  alertmanager_->Stop();
  ASSERT_TRUE(alertmanager_->Start()) << alertmanager_->log();
  ASSERT_TRUE(WaitUntil([&] { return Active().find(id) != std::string::npos; })) << Active();
  // It is down when the incident resolves.
  alertmanager_->Stop();
  Send(12, 0);
  EXPECT_EQ(Incidents(*daemon_)[0].state(), v1::INCIDENT_STATE_RESOLVED);
  ASSERT_TRUE(alertmanager_->Start()) << alertmanager_->log();
  EXPECT_TRUE(WaitUntil([&] { return receiver_.Heard("resolved " + id); })) << daemon_->log();
}

TEST_F(Alertmanager, HearsOfOpenIncidentsAfterTheDaemonWasKilled) {
  Send(20, 0);
  Send(6, 5);
  const std::string id = Incidents(*daemon_).at(0).id();
  daemon_->Kill();
  ASSERT_TRUE(alertmanager_->Start()) << alertmanager_->log();
  ASSERT_TRUE(daemon_->Start()) << daemon_->log();
  EXPECT_TRUE(WaitUntil([&] { return receiver_.Heard("firing " + id); })) << daemon_->log();
}

}  // namespace
}  // namespace faultline::testing
