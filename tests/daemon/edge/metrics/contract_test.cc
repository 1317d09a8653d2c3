// Promises outside the code: the documents and the files for Prometheus.

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include "daemon/edge/metrics/daemon_metrics.h"
#include "daemon/edge/metrics/metrics_page.h"
#include "faultline/v1/config.pb.h"
#include "tests/daemon/edge/metrics/exposition.h"
#include "tests/daemon/edge/metrics/sample_readings.h"

namespace faultline {
namespace {

using ::testing::HasSubstr;

std::string ReadSource(const std::string& path) {
  std::ifstream stream(std::string(FAULTLINE_SOURCE_DIR "/") + path);
  EXPECT_TRUE(stream) << path;
  std::stringstream text;
  text << stream.rdbuf();
  return text.str();
}

// Everything that `pattern` finds in `text`: its first group.
std::set<std::string> FindAll(const std::string& text, const char* pattern) {
  std::set<std::string> found;
  const std::regex regex(pattern);
  for (std::sregex_iterator it(text.begin(), text.end(), regex), end; it != end; ++it) {
    found.insert((*it)[1]);
  }
  return found;
}

DaemonReading FullDaemonReading() {
  DaemonReading reading;
  reading.ready = true;
  reading.http_requests = {{"/metrics 200", 3}, {"other 404", 1}};
  reading.reload_success_time = 1.7e9;
  reading.recorded_rows = 12;
  reading.posts_alerts = true;
  return reading;
}

// A page with a line of everything there is.
std::string FullPage() {
  SignalReading signal = MakeSignal("amount", {MakeReading("psi", 0.5, 0.25, true)});
  signal.readings[0].verdict.p_value = 0.5;
  signal.out_of_range_ratio = 0.5;
  signal.unseen_ratio = 0.5;
  auto model = MakeModel("credit", {signal});
  model->alerts = {{"amount", "psi", "critical", false}};
  model->labels = {{"team", "risk"}};
  model->totals.last_event_ns = 1;
  model->deployed_ns = 1;
  model->budget = {.of_deployment = true};
  model->budget_threshold = 1e6;
  auto signals = std::make_shared<ModelSignals>(*model->signals);
  signals->evaluated_ns = 1;
  signals->learn_rows = 10;
  model->signals = signals;
  PipelineReading reading = MakePipelineReading({model});
  reading.commit_time_ns = 1;
  PageWriter writer;
  DaemonMetrics daemon({.version = "0.1.0", .revision = "abc"}, FullDaemonReading);
  daemon.ObserveScrape(0.001);
  return WriteMetricsPage(reading, {}, &writer, &daemon);
}

TEST(DaemonMetrics, SaysHowTheProcessIs) {
  const Exposition page(FullPage());
  EXPECT_GT(std::stod(page.Value("process_resident_memory_bytes")), 1e6);
  EXPECT_GE(std::stod(page.Value("process_threads")), 1);
  EXPECT_GE(std::stod(page.Value("process_open_fds")), 3);
  EXPECT_GT(std::stod(page.Value("process_max_fds")), 10);
  const double started = std::stod(page.Value("process_start_time_seconds"));
  EXPECT_NEAR(started, static_cast<double>(time(nullptr)), 3600);
  EXPECT_EQ(page.Value("faultline_http_requests_total", {{"code", "404"}, {"route", "other"}}),
            "1");
  EXPECT_EQ(page.Value("faultline_scrape_duration_seconds_count"), "1");
  EXPECT_EQ(page.Value("faultline_ready"), "1");
}

TEST(MetricsDocument, ListsExactlyWhatThereIs) {
  std::set<std::string> names;
  for (const auto& [name, type] : Exposition(FullPage()).types) names.insert(name);
  const std::set<std::string> documented =
      FindAll(ReadSource("docs/metrics.md"), "\n\\| `(\\w+)` ");
  EXPECT_EQ(names, documented);
}

TEST(MetricsDocument, EveryFamilyHasASample) {
  const Exposition page(FullPage());
  for (const auto& [name, type] : page.types) {
    EXPECT_FALSE(page.Of(type == "histogram" ? name + "_count" : name).empty()) << name;
  }
}

TEST(AlertRules, UseOnlyWhatIsExportedAndDocumented) {
  const std::string rules = ReadSource("deploy/prometheus/rules/faultline.yml");
  const std::string expressions = std::regex_replace(rules, std::regex("#[^\n]*|name: [^\n]*"), "");
  const Exposition page(FullPage());
  const std::set<std::string> used = FindAll(expressions, "\\b(faultline_\\w+)");
  EXPECT_GE(used.size(), 8u);
  for (const std::string& name : used) EXPECT_EQ(page.types.count(name), 1u) << name;
  const std::string document = ReadSource("docs/metrics.md");
  const std::set<std::string> alerts = FindAll(rules, "alert: (\\w+)");
  EXPECT_GE(alerts.size(), 10u);
  for (const std::string& alert : alerts) {
    EXPECT_THAT(document, HasSubstr("\n### " + alert + "\n"));
    std::string anchor = alert;
    for (char& c : anchor) c = static_cast<char>(std::tolower(c));
    EXPECT_THAT(rules, HasSubstr("runbook_url: docs/metrics.md#" + anchor + "\n"));
  }
}

void CollectFields(const google::protobuf::Descriptor& type, std::set<std::string>* fields) {
  for (int i = 0; i < type.field_count(); ++i) {
    const auto* field = type.field(i);
    if (type.name() == "DetectorSpec" && field->real_containing_oneof() == nullptr) continue;
    fields->insert(field->name());
    if (field->message_type() != nullptr && !field->is_map()) {
      CollectFields(*field->message_type(), fields);
    }
  }
}

TEST(ConfigDocument, ListsEveryField) {
  std::set<std::string> fields;
  CollectFields(*v1::Config::descriptor(), &fields);
  const std::string document = ReadSource("docs/config.md");
  std::set<std::string> documented = FindAll(document, "\n\\| `(\\w+)` \\|");
  documented.merge(FindAll(document, "\n### (\\w+)\n"));
  EXPECT_EQ(fields, documented);
}

// promtool's own judgement; skipped where it is not installed.
class Promtool : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::system("command -v promtool >/dev/null") != 0) {
      GTEST_SKIP() << "promtool (Debian package prometheus) is not installed";
    }
  }
  // Its complaints; empty if there are no complaints.
  static std::string Complaint(const std::string& arguments) {
    FILE* tool = popen(("promtool " + arguments + " 2>&1").c_str(), "r");
    std::string said;
    std::array<char, 4096> bytes;
    while (const size_t got = fread(bytes.data(), 1, bytes.size(), tool)) {
      said.append(bytes.data(), got);
    }
    return pclose(tool) == 0 ? "" : said;
  }
  static constexpr const char* kFolder = FAULTLINE_SOURCE_DIR "/deploy/prometheus/";
};

TEST_F(Promtool, TakesThePage) {
  const std::string path =
      std::filesystem::temp_directory_path() / ("faultline_page_" + std::to_string(getpid()));
  std::ofstream(path) << FullPage();
  EXPECT_EQ(Complaint("check metrics < " + path), "");
  // It does complain when there is reason to.
  std::ofstream(path) << "faultline_x{a=\"b} 1\n";
  EXPECT_NE(Complaint("check metrics < " + path), "");
  std::filesystem::remove(path);
}

TEST_F(Promtool, TakesConfigAndRules) {
  EXPECT_EQ(Complaint(std::string("check config ") + kFolder + "prometheus.yml"), "");
  EXPECT_EQ(Complaint(std::string("check rules ") + kFolder + "rules/faultline.yml"), "");
}

TEST_F(Promtool, TheRulesPassTheirTests) {
  EXPECT_EQ(Complaint(std::string("test rules ") + kFolder + "tests/faultline_test.yml"), "");
}

}  // namespace
}  // namespace faultline
