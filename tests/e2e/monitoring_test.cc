#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <boost/json/value_to.hpp>
#include <cmath>
#include <filesystem>
#include <memory>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "daemon/client/producer.h"
#include "tests/support/daemon_calls.h"
#include "tests/support/daemon_child.h"
#include "tests/support/server_child.h"
#include "tests/support/streams.h"

// The shipped rules and dashboards on a real Prometheus (Debian's) that scrapes a real daemon:
// every query of every panel and rule returns a result.

namespace faultline::testing {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr char kConfig[] = R"(
alertmanager: {url: 'http://127.0.0.1:9', resend: 1s}
commit: {interval: 10ms}
recorder: {enabled: true}
defaults:
  pane: {rows: 100}
  window_panes: 3
  reference: {learn_rows: 500}
  labels: {team: risk}
  detectors:
    - psi: {threshold: 0.5}
    - kolmogorov_smirnov: {threshold: 0.3}
    - chi_square: {threshold: 0.3}
    - invalid_rate: {threshold: 0.3}
)";

std::string Encoded(const std::string& text) {
  std::string out;
  for (const char c : text) {
    char code[4];
    std::snprintf(code, sizeof code, "%%%02X", static_cast<unsigned char>(c));
    out += code;
  }
  return out;
}

// A credit model that fails in every way once `broken`: an input shifts, half of another is NaN,
// the predictions and the latency change.
v1::InferenceBatch MakeBatch(uint64_t index, bool broken) {
  Random random(index);
  v1::InferenceBatch batch;
  batch.set_model("credit");
  batch.set_version("1");
  batch.set_rows(100);
  const auto add = [&](const char* name, v1::ColumnRole role) {
    v1::Column* column = batch.add_columns();
    column->set_name(name);
    column->set_role(role);
    return column;
  };
  v1::Column* income = add("income", v1::COLUMN_ROLE_FEATURE);
  v1::Column* age = add("age", v1::COLUMN_ROLE_FEATURE);
  v1::Column* region = add("region", v1::COLUMN_ROLE_FEATURE);
  v1::Column* answer = add("answer", v1::COLUMN_ROLE_PREDICTION_SCORE);
  v1::Column* latency = add("latency", v1::COLUMN_ROLE_LATENCY);
  for (const char* place : {"north", "moon", "south"}) {
    region->mutable_strings()->add_dictionary(place);
  }
  for (int row = 0; row < 100; ++row) {
    income->mutable_doubles()->add_values(random.Normal() + (broken ? 5 : 0));
    age->mutable_doubles()->add_values(broken && row % 2 == 0 ? NAN : random.Normal());
    region->mutable_strings()->add_codes(row % 3 == 0 ? 0 : broken ? 1 : 2);
    answer->mutable_doubles()->add_values(random.Normal() + (broken ? 5 : 0));
    latency->mutable_doubles()->add_values(random.Normal() + (broken ? 5 : 0));
  }
  return batch;
}

class Monitoring : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!HasProgram("prometheus")) return;
    folder_ = new TempFolder();
    daemon_ = new DaemonChild(FAULTLINE_BINARY, kConfig);
    ASSERT_TRUE(daemon_->Start()) << daemon_->log();
    fs::copy(FAULTLINE_SOURCE_DIR "/deploy/prometheus", folder_->File("deploy"),
             fs::copy_options::recursive);
    std::string config = ReadFile(folder_->File("deploy/prometheus.yml"));
    config = std::regex_replace(config, std::regex("127.0.0.1:7071"), daemon_->http_address());
    config = std::regex_replace(config, std::regex("_interval: [0-9]*s"), "_interval: 1s");
    WriteFile(folder_->File("deploy/prometheus.yml"), config);
    prometheus_ = new ServerChild(
        {"prometheus", "--config.file=" + folder_->File("deploy/prometheus.yml"),
         "--storage.tsdb.path=" + folder_->File("tsdb"), "--web.listen-address=127.0.0.1:{port}"},
        "/-/ready", folder_->File("log"));
    ASSERT_TRUE(prometheus_->Start()) << prometheus_->log();
    Fail();
  }
  static void TearDownTestSuite() {
    delete prometheus_;
    delete daemon_;
    delete folder_;
    prometheus_ = nullptr;
  }
  void SetUp() override {
    if (prometheus_ == nullptr) GTEST_SKIP() << "prometheus (Debian package) is not installed";
  }

  // Traffic that is normal and then fails, and a model that is still learning.
  static void Fail() {
    cli::ProducerOptions options;
    options.address = daemon_->socket_address();
    options.id = "p";
    auto producer = cli::Producer::Connect(options);
    ASSERT_TRUE(producer.ok()) << producer.status();
    v1::InferenceBatch young = MakeBatch(0, false);
    young.set_model("young");
    ASSERT_TRUE((*producer)->Send(young).ok());
    for (uint64_t pane = 0; pane < 30; ++pane) {
      ASSERT_TRUE((*producer)->Send(MakeBatch(pane, pane >= 20)).ok());
    }
    ASSERT_TRUE((*producer)->Flush(std::chrono::minutes(2)).ok()) << daemon_->log();
    RecordDeploy(*daemon_, "credit", "1");
    ASSERT_TRUE(WaitUntil([] {
      return Query("count(faultline_model_deploy_timestamp_seconds) and count(ALERTS) >= 8") > 0;
    }));
    // More rows during the scrapes, so that rates exist.
    for (uint64_t pane = 30; pane < 34; ++pane) {
      ASSERT_TRUE((*producer)->Send(MakeBatch(pane, true)).ok());
    }
    ASSERT_TRUE((*producer)->Flush(std::chrono::minutes(2)).ok());
    ASSERT_TRUE(WaitUntil([] {
      return Query(
                 "rate(faultline_inferences_total{model=\"credit\"}[5m]) > 0 and on () "
                 "rate(faultline_commit_duration_seconds_count[5m]) > 0 and on () "
                 "rate(faultline_http_requests_total[5m]) > 0") > 0;
    }));
  }

  // The number of samples with a value that a query returns; -1, with the reason in *error, if it
  // fails.
  static int Query(const std::string& expression, std::string* error = nullptr) {
    std::string answer;
    const int code = HttpRequest(prometheus_->address(), "GET",
                                 "/api/v1/query?query=" + Encoded(expression), "", &answer);
    if (code != 200) {
      if (error != nullptr) *error = answer;
      return -1;
    }
    int found = 0;
    const json::value parsed = json::parse(answer);
    for (const json::value& sample : parsed.at("data").at("result").as_array()) {
      found += sample.at("value").at(1) != "NaN" ? 1 : 0;
    }
    return found;
  }

  static void ExpectData(const std::string& expression, const std::string& where) {
    std::string error;
    EXPECT_GT(Query(expression, &error), 0) << where << "\n  " << expression << "\n  " << error;
  }

  static TempFolder* folder_;
  static DaemonChild* daemon_;
  static ServerChild* prometheus_;
};

TempFolder* Monitoring::folder_ = nullptr;
DaemonChild* Monitoring::daemon_ = nullptr;
ServerChild* Monitoring::prometheus_ = nullptr;

std::string Text(const json::value& value, const char* name) {
  const json::value* found = value.as_object().if_contains(name);
  return found == nullptr ? "" : json::value_to<std::string>(*found);
}

// A query with Grafana's variables filled in as "All", and its model chosen.
std::string Filled(std::string expression) {
  const std::pair<const char*, const char*> values[] = {{R"(\$__rate_interval)", "5m"},
                                                        {R"(\$__interval)", "5m"},
                                                        {R"(\$model)", "credit"},
                                                        {R"(\$\w+)", ".*"}};
  for (const auto& [name, value] : values) {
    expression = std::regex_replace(expression, std::regex(name), value);
  }
  return expression;
}

std::vector<std::pair<std::string, json::value>> Dashboards() {
  std::vector<std::pair<std::string, json::value>> all;
  for (const auto& file :
       fs::directory_iterator(FAULTLINE_SOURCE_DIR "/deploy/grafana/dashboards")) {
    all.emplace_back(file.path().filename(), json::parse(ReadFile(file.path())));
  }
  return all;
}

TEST(Dashboards, AreWhatTheirScriptMakes) {
  const CommandOutcome outcome =
      RunCommand({"python3", FAULTLINE_SOURCE_DIR "/deploy/grafana/make.py", "--check"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
}

TEST(Dashboards, HaveAddressesIdsAndPanelsThatDoNotOverlap) {
  std::set<std::string> uids;
  for (const auto& [name, dashboard] : Dashboards()) {
    EXPECT_TRUE(uids.insert(Text(dashboard, "uid")).second) << name;
    EXPECT_EQ(Text(dashboard, "uid") + ".json", name);
    EXPECT_TRUE(dashboard.at("id").is_null()) << name;
    std::set<std::pair<int64_t, int64_t>> taken;
    std::set<int64_t> ids;
    for (const json::value& panel : dashboard.at("panels").as_array()) {
      EXPECT_TRUE(ids.insert(panel.at("id").as_int64()).second) << name;
      const json::value& grid = panel.at("gridPos");
      EXPECT_LE(grid.at("x").as_int64() + grid.at("w").as_int64(), 24) << name;
      for (int64_t x = 0; x < grid.at("w").as_int64(); ++x) {
        for (int64_t y = 0; y < grid.at("h").as_int64(); ++y) {
          EXPECT_TRUE(
              taken.insert({grid.at("x").as_int64() + x, grid.at("y").as_int64() + y}).second)
              << name << ": " << Text(panel, "title");
        }
      }
    }
  }
  EXPECT_EQ(uids.size(), 4u);
}

TEST_F(Monitoring, EveryQueryOfEveryPanelGivesData) {
  size_t queries = 0;
  for (const auto& [name, dashboard] : Dashboards()) {
    for (const json::value& panel : dashboard.at("panels").as_array()) {
      const json::value* targets = panel.as_object().if_contains("targets");
      if (targets == nullptr) continue;
      for (const json::value& target : targets->as_array()) {
        ExpectData(Filled(Text(target, "expr")), name + ": " + Text(panel, "title"));
        ++queries;
      }
    }
    for (const json::value& annotation : dashboard.at("annotations").at("list").as_array()) {
      // A change of the time of the deploy needs an earlier one; its series is what must be there.
      const std::string expression = Filled(Text(annotation, "expr"));
      ExpectData(std::regex_replace(expression, std::regex(" > 0$"), " >= 0"), name);
    }
  }
  EXPECT_GE(queries, 60u);
}

TEST_F(Monitoring, EveryVariableOfEveryDashboardHasValues) {
  const std::regex values(R"(label_values\((.*), (\w+)\))");
  size_t variables = 0;
  for (const auto& [name, dashboard] : Dashboards()) {
    for (const json::value& variable : dashboard.at("templating").at("list").as_array()) {
      if (Text(variable, "type") != "query") continue;
      std::smatch match;
      const std::string query = Text(variable.at("query"), "query");
      ASSERT_TRUE(std::regex_match(query, match, values)) << query;
      ExpectData(Filled("count by (" + match[2].str() + ") (" + match[1].str() + ")"), name);
      ++variables;
    }
  }
  EXPECT_GE(variables, 12u);
}

// A quiet alert returns no samples, so its inputs must exist; the alerts that this traffic should
// raise fire.
TEST_F(Monitoring, EveryRuleLooksAtWhatIsThere) {
  std::string answer;
  ASSERT_EQ(HttpRequest(prometheus_->address(), "GET", "/api/v1/rules", "", &answer), 200);
  const std::regex selector(R"((faultline_\w+|up)(\{[^}]*\})?)");
  std::set<std::string> firing;
  size_t rules = 0;
  const json::value parsed = json::parse(answer);
  for (const json::value& group : parsed.at("data").at("groups").as_array()) {
    for (const json::value& rule : group.at("rules").as_array()) {
      ++rules;
      const std::string name = Text(rule, "name");
      EXPECT_EQ(Text(rule, "health"), "ok") << name << Text(rule, "lastError");
      EXPECT_GE(Query(Text(rule, "query")), 0) << name;
      const std::string query = Text(rule, "query");
      for (std::sregex_iterator it(query.begin(), query.end(), selector), end; it != end; ++it) {
        ExpectData("last_over_time(" + it->str() + "[1h])", name);
      }
      if (Text(rule, "state") == "firing") firing.insert(name);
    }
  }
  EXPECT_GE(rules, 14u);
  for (const char* name :
       {"FaultlineDetectorFiring", "FaultlineInputDrift", "FaultlinePredictionDrift",
        "FaultlineDataQualityDegraded", "FaultlineOperationalChange", "FaultlineWatchdog"}) {
    EXPECT_TRUE(firing.contains(name)) << name;
  }
}

}  // namespace
}  // namespace faultline::testing
