#include "daemon/edge/metrics/metrics_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <set>
#include <sstream>
#include <string>

#include "base/utf8.h"
#include "daemon/edge/metrics/page_text.h"
#include "tests/daemon/edge/metrics/exposition.h"
#include "tests/daemon/edge/metrics/sample_readings.h"

namespace faultline {
namespace {

using ::testing::UnorderedElementsAre;

constexpr int64_t kNow = 1'700'000'000'000'000'000;

std::string Page(PageWriter* writer, const PipelineReading& reading,
                 const PageOptions& options = {}) {
  std::string page;
  writer->Write(reading, options, kNow, &page);
  return page;
}

std::string Page(const PipelineReading& reading, const PageOptions& options = {}) {
  PageWriter writer;
  return Page(&writer, reading, options);
}

std::set<std::string> SignalsOf(const Exposition& page, const std::string& name,
                                const std::string& model) {
  std::set<std::string> signals;
  for (const Sample& sample : page.Of(name)) {
    if (sample.labels.at("model") == model) signals.insert(sample.labels.at("signal"));
  }
  return signals;
}

// The lines of the page without comments.
std::string Samples(const std::string& page) {
  std::string samples;
  size_t begin = 0;
  while (begin < page.size()) {
    const size_t end = page.find('\n', begin) + 1;
    if (page[begin] != '#') samples.append(page, begin, end - begin);
    begin = end;
  }
  return samples;
}

PipelineReading GoldenReading() {
  SignalReading amount = MakeSignal(
      "amount", {MakeReading("psi", 0.5, 0.25, true), MakeReading("missing_rate", 0, kUnset)});
  amount.readings[0].verdict.p_value = 1e-9;
  amount.missing_ratio = 0.125;
  amount.out_of_range_ratio = 0;
  SignalReading region = MakeSignal("region", {});
  region.state = VerdictState::kCannotTell;
  region.unseen_ratio = 0.01;
  auto model = MakeModel("credit", {amount, region});
  model->version = "7";
  model->totals = {.applied_rows = 123'456'789,
                   .late_rows = 3,
                   .rejected_rows = 4,
                   .client_dropped_rows = 5,
                   .panes_closed = 60,
                   .verdicts = 120,
                   .last_event_ns = 1'699'999'999'500'000'000};
  auto signals = std::make_shared<ModelSignals>(*model->signals);
  signals->evaluated_ns = 1'699'999'990'000'000'000;
  signals->learning_rows = 500;
  signals->learn_rows = 2000;
  model->signals = signals;
  model->alerts = {{"amount", "psi", "critical", false}, {"region", "psi", "warning", true}};
  model->labels = {{"team", "risk"}, {"on-call", "a \"b\""}};
  model->incidents_open = 1;
  model->incidents_total = 2;
  model->silenced_until_ns = kNow + 1;
  model->deployed_ns = 1'600'000'000'000'000'000;
  PipelineReading reading = MakePipelineReading({model});
  reading.rows = {.received = 111,
                  .applied = 100,
                  .duplicate = 1,
                  .late = 2,
                  .rejected = 3,
                  .shed = 4,
                  .in_flight = 1,
                  .rejected_by_reason = {{"type", 2}, {"time", 1}}};
  reading.queue_bytes = 10;
  reading.queue_bytes_max = 64 << 20;
  reading.commits = 9;
  reading.commit_bytes = 900;
  reading.commit_times.Count(0.002);
  reading.commit_times.Count(20);
  reading.commit_seconds_last = 0.002;
  reading.commit_time_ns = kNow;
  reading.commit_interval_ns = 100'000'000;
  reading.producers = 1;
  reading.state_bytes = 4096;
  reading.compaction_debt_bytes = 1024;
  reading.core_bytes = 8192;
  reading.memory_bytes_max = 1 << 30;
  reading.store_status = absl::UnavailableError("disk full");
  return reading;
}

TEST(MetricsPage, Golden) {
  const std::string page = Page(GoldenReading());
  std::ifstream golden(FAULTLINE_SOURCE_DIR "/tests/daemon/edge/metrics/golden/metrics_page.txt");
  std::stringstream expected;
  expected << golden.rdbuf();
  EXPECT_EQ(Samples(page), expected.str());
  const Exposition read(page);
  EXPECT_EQ(read.types.at("faultline_rows_total"), "counter");
  EXPECT_EQ(read.types.at("faultline_commit_duration_seconds"), "histogram");
}

TEST(MetricsPage, TheAlarmBudgetOfModelsAndOfTheDeployment) {
  auto own = MakeModel("own", {});
  own->budget_threshold = 1e6;
  own->budget.in_rows = true;
  own->totals.mean_false_alarms_max = 0.25;
  own->totals.budget_alarms = 3;
  auto none = MakeModel("none", {});
  none->budget.false_alarms = 0;
  const Exposition alone(Page(MakePipelineReading({own, none})));
  EXPECT_EQ(alone.Value("faultline_alarm_budget_threshold",
                        {{"model", "own"}, {"version", "1"}, {"unit", "rows"}}),
            "1000000");
  EXPECT_EQ(alone.Of("faultline_alarm_budget_threshold").size(), 1u);
  const std::map<std::string, std::string> labels = {{"model", "own"}, {"version", "1"}};
  EXPECT_EQ(alone.Value("faultline_alarm_budget_deposited_ratio", labels), "0.25");
  EXPECT_EQ(alone.Value("faultline_alarm_budget_alarms_total", labels), "3");
  EXPECT_EQ(alone.Of("faultline_deployment_alarm_budget_deposited_ratio").size(), 0u);

  std::vector<std::shared_ptr<const ModelSnapshot>> models = {own, none};
  for (int i = 1; i <= 2; ++i) {
    auto sharing = MakeModel("sharing" + std::to_string(i), {});
    sharing->budget = {.false_alarms = 2, .period = 3600, .of_deployment = true, .replicas = 3};
    sharing->budget_threshold = 5400.0 * i * (i + 1);
    sharing->totals.mean_false_alarms_max = 0.5 / i;
    sharing->totals.budget_alarms = static_cast<uint64_t>(i);
    models.push_back(sharing);
  }
  const Exposition shared(Page(MakePipelineReading(models)));
  EXPECT_EQ(shared.Value("faultline_deployment_alarm_budget_threshold", {{"unit", "seconds"}}),
            "5400");
  EXPECT_EQ(shared.Value("faultline_deployment_alarm_budget_deposited_ratio", {}), "0.75");
  EXPECT_EQ(shared.Value("faultline_deployment_alarm_budget_alarms", {}), "3");
}

TEST(MetricsPage, NothingKnownIsNoNaN) {
  auto bare = std::make_shared<ModelSnapshot>();
  bare->name = "bare";
  SignalReading unknown = MakeSignal("s", {MakeReading("psi", kUnset, 0.2)});
  unknown.missing_ratio = kUnset;
  SignalReading infinite =
      MakeSignal("t", {MakeReading("psi", std::numeric_limits<double>::infinity(), 0.2)});
  const Exposition page(Page(MakePipelineReading({bare, MakeModel("m", {unknown, infinite})})));
  EXPECT_EQ(page.Of("faultline_last_event_timestamp_seconds").size(), 0u);
  EXPECT_EQ(page.Value("faultline_inferences_total", {{"model", "bare"}, {"version", ""}}), "0");
  EXPECT_EQ(SignalsOf(page, "faultline_detector_score", "m"), std::set<std::string>{"t"});
  EXPECT_EQ(page.Of("faultline_detector_score")[0].value, "+Inf");
  EXPECT_EQ(page.Of("faultline_detector_threshold").size(), 2u);
}

TEST(MetricsPage, TheWorstTheFiringAndTheChosenAreShown) {
  std::vector<SignalReading> signals;
  for (int i = 0; i < 5000; ++i) {
    const bool firing = i == 10 || i == 11;
    signals.push_back(
        MakeSignal("f" + std::to_string(i), {MakeReading("psi", i / 10000.0, 0.25, firing)}));
  }
  signals.push_back(MakeSignal("pet_cat", {MakeReading("psi", 0, kUnset)}));
  const PageOptions options{.signals_top = 4, .signals_always = {"pet_*", "f3"}};
  const Exposition page(Page(MakePipelineReading({MakeModel("m", signals)}), options));
  EXPECT_THAT(SignalsOf(page, "faultline_detector_score", "m"),
              UnorderedElementsAre("pet_cat", "f3", "f10", "f11", "f4999", "f4998"));
  EXPECT_EQ(page.Value("faultline_signals_hidden", {{"model", "m"}, {"version", "1"}}), "4995");
  // Roll-ups know all.
  const std::map<std::string, std::string> psi = {
      {"model", "m"}, {"version", "1"}, {"detector", "psi"}};
  EXPECT_EQ(page.Value("faultline_model_drift_score_ratio_max", psi), "1.9996");
  EXPECT_EQ(page.Value("faultline_model_drifted_signals", psi), "2500");
}

TEST(MetricsPage, EverythingFiringIsBounded) {
  std::vector<SignalReading> signals;
  auto model = MakeModel("m", {});
  for (int i = 0; i < 3000; ++i) {
    const std::string name = "f" + std::to_string(i);
    signals.push_back(MakeSignal(name, {MakeReading("psi", 1, 0.25, true)}));
    model->alerts.push_back({name, "psi", "warning", false});
  }
  auto all = std::make_shared<ModelSignals>();
  all->signals = signals;
  model->signals = all;
  const Exposition page(Page(MakePipelineReading({model})));
  EXPECT_EQ(page.Of("faultline_detector_score").size(), kFiringSignalsMax);
  EXPECT_EQ(page.Of("faultline_alert_active").size(), kAlertSeriesMax);
  EXPECT_EQ(page.Of("faultline_alerts_firing")[0].value, "3000");
}

TEST(MetricsPage, ModelsShareThePage) {
  std::vector<std::shared_ptr<const ModelSnapshot>> models;
  for (int m = 0; m < 50; ++m) {
    std::vector<SignalReading> signals;
    for (int i = 0; i < 20; ++i) {
      signals.push_back(MakeSignal("f" + std::to_string(i),
                                   {MakeReading("psi", i, 0.25), MakeReading("chi_square", i, 1)}));
    }
    models.push_back(MakeModel("m" + std::to_string(m), signals));
  }
  PageWriter writer;
  const PageOptions options{.series_max = 5000};
  const Exposition page(Page(&writer, MakePipelineReading(models), options));
  EXPECT_LE(writer.signal_series(), 5000u);
  // 100 series a model are 5 signals of 17.
  EXPECT_THAT(SignalsOf(page, "faultline_detector_score", "m33"),
              UnorderedElementsAre("f19", "f18", "f17", "f16", "f15"));
  EXPECT_EQ(page.Value("faultline_signals_hidden", {{"model", "m0"}, {"version", "1"}}), "15");
}

TEST(MetricsPage, AKindThatStandsTwiceIsOneSeries) {
  const SignalReading signal =
      MakeSignal("s", {MakeReading("psi", 0.2, 0.5), MakeReading("psi", 0.2, 0.1),
                       MakeReading("psi", 0.2, 0.1), MakeReading("psi", 0.2, kUnset)});
  auto model = MakeModel("m", {signal});
  model->alerts = {{"s", "psi", "warning", false}, {"s", "psi", "warning", false}};
  const Exposition page(Page(MakePipelineReading({model})));
  ASSERT_EQ(page.Of("faultline_detector_threshold").size(), 1u);
  EXPECT_EQ(page.Of("faultline_detector_threshold")[0].value, "0.1");
  EXPECT_EQ(page.Of("faultline_alert_active").size(), 1u);
}

TEST(MetricsPage, NoTextBreaksOutOfItsLabel) {
  const std::vector<std::string> hostile = {
      "plain",
      "new\nline 1",
      "quote\"} 1",
      "back\\slash\\",
      "\xC3\xA9t\xC3\xA9 \xE2\x82\xAC",
      std::string("nul\0in it", 9),
      "\r\x1b[31m\x7f",
      "bad \xFF utf8",
      "bad \xFE utf8",
      "cut \xE2\x82",
      std::string(200, 'a') + "1",
      std::string(200, 'a') + "2",
      "",
  };
  std::vector<SignalReading> signals;
  for (const std::string& name : hostile) {
    signals.push_back(MakeSignal(name, {MakeReading("psi", 1, 0.5)}));
  }
  auto model = MakeModel("m\"\n", signals);
  model->version = "\\";
  model->labels = {{"a b", "x\ny"}, {"a-b", "z"}, {"9\"", "\""}};
  model->alerts = {{"new\nline 1", "psi", "warning", false}};
  // Exposition throws if a line is broken or a series is duplicate.
  const Exposition page(Page(MakePipelineReading({model})));
  std::set<std::string> shown;
  for (const Sample& sample : page.Of("faultline_detector_score")) {
    EXPECT_EQ(sample.labels.at("model"), "m\"\n");
    EXPECT_EQ(sample.labels.at("version"), "\\");
    EXPECT_LE(sample.labels.at("signal").size(), kLabelBytesMax);
    const std::string& name = sample.labels.at("signal");
    EXPECT_EQ(Utf8PrefixBytes(name), name.size());
    shown.insert(name);
  }
  EXPECT_EQ(shown.size(), hostile.size());
  for (const size_t kept : {0, 1, 2, 3, 4, 12}) EXPECT_EQ(shown.count(hostile[kept]), 1u) << kept;
  const Sample labels = page.Of("faultline_model_labels_info").at(0);
  EXPECT_EQ(labels.labels.at("label_a_b"), "x\ny");
  EXPECT_EQ(labels.labels.at("label_a_b_"), "z");
  EXPECT_EQ(labels.labels.at("label_9_"), "\"");
}

TEST(MetricsPage, FollowsEveryChange) {
  PageWriter writer;
  const std::map<std::string, std::string> series = {
      {"model", "m"}, {"version", "1"}, {"signal", "s"}, {"detector", "psi"}};
  const auto score = [&](const PipelineReading& reading, const PageOptions& options = {}) {
    return Exposition(Page(&writer, reading, options)).Value("faultline_detector_score", series);
  };
  auto model = MakeModel("m", {MakeSignal("s", {MakeReading("psi", 0.1, 0.5)})});
  EXPECT_EQ(score(MakePipelineReading({model})), "0.1");
  EXPECT_EQ(score(MakePipelineReading({model})), "0.1");
  EXPECT_EQ(score(MakePipelineReading({model}), {.signals_top = 0}), "");
  EXPECT_EQ(score(MakePipelineReading({model})), "0.1");
  // New totals and an alert, the same signals.
  auto later = std::make_shared<ModelSnapshot>(*model);
  later->totals.applied_rows = 5;
  later->alerts = {{"s", "psi", "info", false}};
  const Exposition page(Page(&writer, MakePipelineReading({later})));
  EXPECT_EQ(page.Of("faultline_inferences_total")[0].value, "5");
  EXPECT_EQ(page.Of("faultline_alert_active").size(), 1u);
  // New signals, then none, then gone.
  auto renewed = MakeModel("m", {MakeSignal("s", {MakeReading("psi", 0.2, 0.5)})});
  EXPECT_EQ(score(MakePipelineReading({renewed})), "0.2");
  EXPECT_EQ(score(MakePipelineReading({MakeModel("m", {})})), "");
  EXPECT_EQ(score(MakePipelineReading({renewed})), "0.2");
  EXPECT_EQ(score(MakePipelineReading({})), "");
  EXPECT_EQ(score(MakePipelineReading({renewed})), "0.2");
}

}  // namespace
}  // namespace faultline
