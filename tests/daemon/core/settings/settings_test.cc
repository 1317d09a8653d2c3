#include "daemon/core/settings/settings.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

namespace faultline {
namespace {

using testing::HasSubstr;

constexpr int64_t kSecond = 1'000'000'000;

v1::Config Parse(const std::string& text) {
  v1::Config config;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &config)) << text;
  return config;
}

std::shared_ptr<const Settings> Make(const std::string& text, uint32_t cores = 4) {
  auto settings = Settings::Make(Parse(text), cores);
  EXPECT_TRUE(settings.ok()) << settings.status() << "\n" << text;
  return settings.ok() ? *settings : *Settings::Make(v1::Config(), cores);
}

std::string Error(const std::string& text) {
  const auto settings = Settings::Make(Parse(text), 4);
  if (settings.ok()) return "";
  EXPECT_EQ(settings.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(settings.status().message());
}

TEST(Settings, NothingSaidIsTheDocumentedDefaults) {
  const auto settings = Make("");
  EXPECT_EQ(settings->commit.interval_ns, kSecond / 10);
  EXPECT_FALSE(settings->commit.sync);
  EXPECT_EQ(settings->commit.bytes_per_second, 64u << 20);
  EXPECT_EQ(settings->limits.models, 1'000u);
  EXPECT_EQ(settings->limits.signals_per_model, 2'000u);
  EXPECT_EQ(settings->limits.signals, 50'000u);
  EXPECT_EQ(settings->limits.producers, 10'000u);
  EXPECT_EQ(settings->limits.queue_bytes, 64u << 20);
  EXPECT_EQ(settings->limits.message_bytes, 4u << 20);
  EXPECT_EQ(settings->limits.reference_bytes, 256u << 20);
  EXPECT_EQ(settings->limits.future_ns, 10 * kSecond);
  EXPECT_FALSE(settings->record_events);
  EXPECT_EQ(settings->retention.panes_age_ns, 30 * 86'400 * kSecond);
  EXPECT_EQ(settings->retention.panes_bytes, 256u << 20);
  EXPECT_EQ(settings->retention.incidents, 100'000u);
  EXPECT_EQ(settings->metrics.signals_top, 20u);
  EXPECT_TRUE(settings->register_unknown_models);

  const auto model = settings->ForModel("any");
  EXPECT_EQ(model->pane_length_ns, 10 * kSecond);
  EXPECT_EQ(model->pane_rows, 0u);
  EXPECT_EQ(model->window_panes, 30u);
  EXPECT_EQ(model->learn_rows, 5'000u);
  EXPECT_EQ(model->idle_close_ns, 30 * kSecond);
  EXPECT_EQ(model->fire_panes, 2u);
  EXPECT_EQ(model->resolve_panes, 3u);
  EXPECT_EQ(model->resolve_margin, 0.1);
  EXPECT_EQ(model->severity, v1::SEVERITY_WARNING);
  EXPECT_TRUE(model->learn_unknown_columns);
  size_t defaults = 0;
  for (const CatalogEntry& entry : Catalog()) {
    defaults += entry.in_default_suite && entry.name != "row_score" ? 1 : 0;
  }
  EXPECT_GT(defaults, 0u);
  EXPECT_EQ(model->detectors.size(), defaults);
  for (const DetectorSettings& detector : model->detectors) {
    EXPECT_EQ(detector.has_threshold, detector.entry->budgeted);
    EXPECT_NE(detector.entry->name, "row_score");
  }
}

TEST(Settings, ShardsLeaveOneCore) {
  EXPECT_EQ(Make("", 0)->shards, 1u);
  EXPECT_EQ(Make("", 1)->shards, 1u);
  EXPECT_EQ(Make("", 2)->shards, 1u);
  EXPECT_EQ(Make("", 8)->shards, 7u);
  EXPECT_EQ(Make("", 1'000)->shards, 64u);
  EXPECT_EQ(Make("shards: 3", 8)->shards, 3u);
}

TEST(Settings, OwnFieldsWinOneByOne) {
  const auto settings = Make(R"(
    defaults {
      pane { length: "20s" } window_panes: 10 severity: SEVERITY_INFO
      alert { fire_panes: 5 resolve_panes: 6 }
      detectors { psi { threshold: 0.2 } } detectors { missing_rate {} }
      columns { name: "*_id" ignore: true }
      labels { key: "team" value: "risk" } labels { key: "tier" value: "1" }
    }
    models {
      name: "credit" alert { fire_panes: 1 }
      detectors { psi { threshold: 0.4 } severity: SEVERITY_CRITICAL }
      labels { key: "tier" value: "2" }
    }
    models { name: "cr*" pane { rows: 500 } columns { name: "x" record: "hash" } })");
  const auto credit = settings->ForModel("credit");
  EXPECT_EQ(credit->pane_length_ns, 20 * kSecond);
  EXPECT_EQ(credit->fire_panes, 1u);
  EXPECT_EQ(credit->resolve_panes, 6u);
  EXPECT_EQ(credit->severity, v1::SEVERITY_INFO);
  ASSERT_EQ(credit->detectors.size(), 1u);
  EXPECT_EQ(credit->detectors[0].severity, v1::SEVERITY_CRITICAL);
  EXPECT_TRUE(credit->detectors[0].has_threshold);
  EXPECT_EQ(credit->labels, (std::map<std::string, std::string>{{"team", "risk"}, {"tier", "2"}}));
  EXPECT_TRUE(credit->ForColumn("user_id").ignore);

  const auto crime = settings->ForModel("crime");
  EXPECT_EQ(crime->pane_rows, 500u);
  EXPECT_EQ(crime->pane_length_ns, 0);
  ASSERT_EQ(crime->detectors.size(), 2u);
  EXPECT_EQ(crime->detectors[0].severity, v1::SEVERITY_INFO);
  EXPECT_FALSE(crime->detectors[1].has_threshold);
  EXPECT_FALSE(crime->ForColumn("user_id").ignore);
  EXPECT_EQ(crime->ForColumn("x").record_numbers, RecordPolicy::kHash);

  EXPECT_EQ(settings->ForModel("other")->window_panes, 10u);
  // The reserved model has the defaults, even if a pattern matches it.
  EXPECT_EQ(
      Make("models { name: \"*\" window_panes: 7 }")->ForModel("faultline_test")->window_panes,
      30u);
}

TEST(Settings, ColumnsRecordWhatTheirTypeAllows) {
  const auto model = Make(R"(defaults { columns { name: "a*" quantiles: true distinct: true }
                                        columns { name: "ab" record: "drop" } })")
                         ->ForModel("m");
  const ColumnSettings column = model->ForColumn("ab");
  EXPECT_TRUE(column.sketches.quantiles);
  EXPECT_TRUE(column.sketches.distinct);
  EXPECT_EQ(column.record_numbers, RecordPolicy::kKeep);
  EXPECT_EQ(column.record_strings, RecordPolicy::kDrop);
}

TEST(Settings, FingerprintFollowsTheOptionsAlone) {
  const auto print = [](const std::string& spec) {
    return Make("defaults { detectors { " + spec + " } }")->ForModel("m")->detectors[0].fingerprint;
  };
  const uint64_t plain = print("page_hinkley { threshold: 5 }");
  EXPECT_EQ(print("page_hinkley { threshold: 5 } signals: \"a*\" severity: SEVERITY_INFO"), plain);
  EXPECT_NE(print("page_hinkley { threshold: 6 }"), plain);
  EXPECT_NE(print("page_hinkley { threshold: 5 delta: 0.5 }"), plain);
}

struct Refused {
  const char* text;
  const char* error;
};

class SettingsRefuse : public testing::TestWithParam<Refused> {};

TEST_P(SettingsRefuse, WithPathValueAndExpectation) {
  EXPECT_EQ(Error(GetParam().text), GetParam().error);
}

INSTANTIATE_TEST_SUITE_P(
    Errors, SettingsRefuse,
    testing::Values(
        Refused{R"(models { name: "m" pane { length: "5 minutes" } })",
                "models[0].pane.length: 5 minutes: expected a duration such as 10s, 5m, 2h, 7d"},
        Refused{R"(models { name: "m" pane { length: "2h" } })",
                "models[0].pane.length: 2h: expected 1s to 1h"},
        Refused{R"(models { name: "m" pane { length: "10s" rows: 10 } })",
                "models[0].pane: length 10s and rows 10: expected one of the two"},
        Refused{"defaults { pane { rows: 9 } }", "defaults.pane.rows: 9: expected 10 to 1000000"},
        Refused{"defaults { window_panes: 0 }", "defaults.window_panes: 0: expected 1 to 1000"},
        Refused{"defaults { reference { learn_rows: 19 } }",
                "defaults.reference.learn_rows: 19: expected 20 to 100000"},
        Refused{"defaults { alert { fire_panes: 1001 } }",
                "defaults.alert.fire_panes: 1001: expected 1 to 1000"},
        Refused{"defaults { alert { resolve_panes: 0 } }",
                "defaults.alert.resolve_panes: 0: expected 1 to 1000"},
        Refused{"defaults { alert { resolve_margin: 1.5 } }",
                "defaults.alert.resolve_margin: 1.5: expected 0 to 1"},
        Refused{"defaults { alert { resolve_margin: nan } }",
                "defaults.alert.resolve_margin: nan: expected 0 to 1"},
        Refused{R"(defaults { idle_close: "0s" })",
                "defaults.idle_close: 0s: expected more than 0s"},
        Refused{R"(defaults { unknown_columns: "ignore" })",
                "defaults.unknown_columns: ignore: expected learn or reject"},
        Refused{R"(defaults { columns {} columns { name: "x" } })",
                "defaults.columns[0].name: : expected a column's name, or a pattern"},
        Refused{R"(models { name: "m" columns { name: "x" record: "yes" } })",
                "models[0].columns[0].record: yes: expected keep, hash or drop"},
        Refused{R"(defaults { labels { key: "my team" value: "a" } })",
                "defaults.labels: my team: expected letters, digits and underscores, not "
                "beginning with a digit or __"},
        Refused{R"(defaults { runbook_url: "file:///etc/x" })",
                "defaults.runbook_url: file:///etc/x: expected a URL that begins with "
                "http:// or https://"},
        Refused{R"(defaults { name: "m" })",
                "defaults.name: m: expected no name: defaults are for every model"},
        Refused{"models {}",
                "models[0].name: : expected a model's name of 1 to 128 bytes, or a pattern"},
        Refused{R"(models { name: "a" } models { name: "a" })",
                "models[1].name: a: expected a name that no earlier entry has"},
        Refused{R"(models { name: "faultline_test" })",
                "models[0].name: faultline_test: expected another name: this one is for test "
                "alerts"},
        Refused{
            R"(defaults { detectors { psi {} signals: "a" } detectors { psi {} signals: "a" } })",
            "defaults.detectors[1]: psi: expected other signals than an earlier entry of this "
            "kind has"},
        Refused{"shards: 65", "shards: 65: expected 1 to 64"},
        Refused{"shards: 0", "shards: 0: expected 1 to 64"},
        Refused{R"(commit { interval: "11s" })", "commit.interval: 11s: expected 1ms to 10s"},
        Refused{R"(commit { durability: "disk" })",
                "commit.durability: disk: expected process or power"},
        Refused{R"(limits { message: "65MiB" })", "limits.message: 65MiB: expected 1 to 64MiB"},
        Refused{R"(limits { queue: "64 MB" })",
                "limits.queue: 64 MB: expected a size such as 4096, 8KiB, 64MiB, 1GiB"},
        Refused{"limits { models: 100001 }", "limits.models: 100001: expected 1 to 100000"},
        Refused{"metrics { signals_top: 10001 }",
                "metrics.signals_top: 10001: expected 0 to 10000"},
        Refused{R"(unknown_models: "maybe")",
                "unknown_models: maybe: expected register or reject"}));

TEST(Settings, DetectorErrorsNameTheirPlace) {
  EXPECT_THAT(Error("models { name: \"m\" detectors { psi { threshold: -1 } } }"),
              testing::StartsWith("models[0].detectors[0]: "));
  EXPECT_THAT(Error("defaults { detectors { signals: \"a\" } }"),
              testing::StartsWith("defaults.detectors[0]: "));
}

TEST(Settings, LabelsHaveNoControlCharacters) {
  for (const char* value : {"a\\tb", "a\\177b", "a\\302\\205b"}) {
    EXPECT_THAT(
        Error(std::string(R"(defaults { labels { key: "team" value: ")") + value + "\" } }"),
        testing::HasSubstr("without control characters"))
        << value;
  }
  EXPECT_EQ(Error("defaults { labels { key: \"team\" value: \"\\303\\251\" } }"), "");
}

TEST(Settings, LabelsAreAtMostSixteenTogether) {
  std::string text = "defaults {";
  for (int i = 0; i < 16; ++i) {
    text += " labels { key: \"l" + std::to_string(i) + "\" value: \"v\" }";
  }
  text += " }";
  EXPECT_EQ(Error(text), "");
  EXPECT_EQ(Error(text + R"( models { name: "m" labels { key: "one_more" value: "v" } })"),
            "models[0].labels: 17 labels: expected at most 16");
}

TEST(MatchesPattern, StarIsAnyRun) {
  for (const auto& [pattern, text] :
       std::vector<std::pair<const char*, const char*>>{{"*", ""},
                                                        {"*", "x"},
                                                        {"a*", "a"},
                                                        {"*a", "ba"},
                                                        {"a*b*c", "a__b__bc"},
                                                        {"**x**", "x"},
                                                        {"", ""},
                                                        {"income", "income"},
                                                        {"*.norm", "e.norm"},
                                                        {"a*a", "aa"},
                                                        {"?[.]", "?[.]"}}) {
    EXPECT_TRUE(MatchesPattern(pattern, text)) << pattern << " " << text;
  }
  for (const auto& [pattern, text] :
       std::vector<std::pair<const char*, const char*>>{{"", "x"},
                                                        {"a*", "ba"},
                                                        {"*a", "ab"},
                                                        {"a*b*c", "acb"},
                                                        {"income", "Income"},
                                                        {"a*a", "a"},
                                                        {"?", "x"},
                                                        {"income", "incomes"}}) {
    EXPECT_FALSE(MatchesPattern(pattern, text)) << pattern << " " << text;
  }
  // Many stars take no exponential time.
  std::string pattern;
  for (int i = 0; i < 60; ++i) pattern += "a*";
  EXPECT_FALSE(MatchesPattern(pattern + "b", std::string(2'000, 'a')));
}

TEST(ParseDuration, TakesUnitsAndNothingElse) {
  EXPECT_EQ(*ParseDuration("1500ms"), 1'500'000'000);
  EXPECT_EQ(*ParseDuration("10s"), 10 * kSecond);
  EXPECT_EQ(*ParseDuration("5m"), 300 * kSecond);
  EXPECT_EQ(*ParseDuration("2h"), 7'200 * kSecond);
  EXPECT_EQ(*ParseDuration("7d"), 604'800 * kSecond);
  EXPECT_EQ(*ParseDuration("9223372036854ms"), 9'223'372'036'854'000'000);
  for (const char* text : {"", "s", "10", "-1s", "1.5s", "10 s", "10S", "10s ", "1w",
                           "9223372036855ms", "99999999999999999999s", "0x1s"}) {
    EXPECT_FALSE(ParseDuration(text).ok()) << text;
  }
}

TEST(ParseBytes, TakesUnitsAndNothingElse) {
  EXPECT_EQ(*ParseBytes("4096"), 4'096u);
  EXPECT_EQ(*ParseBytes("8KiB"), 8'192u);
  EXPECT_EQ(*ParseBytes("64MiB"), 64u << 20);
  EXPECT_EQ(*ParseBytes("1GiB"), 1u << 30);
  for (const char* text : {"", "KiB", "8KB", "8kib", "-1", "1.5MiB", "8 KiB", "9223372036854775808",
                           "9007199254740992KiB"}) {
    EXPECT_FALSE(ParseBytes(text).ok()) << text;
  }
}

}  // namespace
}  // namespace faultline
