#include "daemon/config/config_file.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/hostile_text.h"

namespace faultline {
namespace {

using ::testing::HasSubstr;

std::string Refusal(std::string_view text) {
  const absl::StatusOr<ParsedConfig> parsed = ParseConfig(text, "f.yaml");
  if (parsed.ok()) return "taken: " + parsed->config.ShortDebugString();
  EXPECT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(parsed.status().message());
}

constexpr std::string_view kEverything = R"(# A comment.
data_folder: /tmp/state
listen: {grpc: off, http: "127.0.0.1:0", connections_max: 7}
commit:
  interval: 50ms
recorder:
  enabled: true
metrics:
  signals_always: [amount, "row_*"]
defaults:
  severity: critical
models:
  - name: credit
    pane: {rows: 500}
    alert: {fire_panes: 3, resolve_margin: 1e-2}
    detectors:
      - psi: {threshold: 0.2, rows_min: 5000000000}
        severity: info
      - {signals: [age], kolmogorov_smirnov: }
    labels: {team: risk, tier: 1}
    columns:
      - {name: "*", quantiles: false, record: keep}
  - name: other
shards:
)";

TEST(ConfigFile, TakesEveryShape) {
  const absl::StatusOr<ParsedConfig> parsed = ParseConfig(kEverything, "f.yaml");
  // shards without a value is refused: nothing is no number.
  ASSERT_FALSE(parsed.ok());
  EXPECT_EQ(std::string(parsed.status().message()),
            "f.yaml:24:1: shards: nothing, expected a whole number from 0 to 4294967295");

  const std::string text(kEverything.substr(0, kEverything.find("shards")));
  const absl::StatusOr<ParsedConfig> taken = ParseConfig(text, "f.yaml");
  ASSERT_TRUE(taken.ok()) << taken.status();
  const v1::Config& config = taken->config;
  EXPECT_EQ(config.data_folder(), "/tmp/state");
  EXPECT_EQ(config.listen().grpc(), "off");
  EXPECT_EQ(config.listen().http(), "127.0.0.1:0");
  EXPECT_EQ(config.listen().connections_max(), 7u);
  EXPECT_EQ(config.commit().interval(), "50ms");
  EXPECT_TRUE(config.recorder().enabled());
  EXPECT_THAT(config.metrics().signals_always(), ::testing::ElementsAre("amount", "row_*"));
  EXPECT_EQ(config.defaults().severity(), v1::SEVERITY_CRITICAL);
  ASSERT_EQ(config.models_size(), 2);
  const v1::ModelConfig& credit = config.models(0);
  EXPECT_EQ(credit.pane().rows(), 500u);
  EXPECT_DOUBLE_EQ(credit.alert().resolve_margin(), 0.01);
  EXPECT_FALSE(credit.alert().has_resolve_panes());
  ASSERT_EQ(credit.detectors_size(), 2);
  EXPECT_DOUBLE_EQ(credit.detectors(0).psi().threshold(), 0.2);
  EXPECT_EQ(credit.detectors(0).psi().rows_min(), 5'000'000'000u);
  EXPECT_EQ(credit.detectors(0).severity(), v1::SEVERITY_INFO);
  EXPECT_EQ(credit.detectors(1).kind_case(), v1::DetectorSpec::kKolmogorovSmirnov);
  EXPECT_EQ(credit.labels().at("tier"), "1");
  EXPECT_EQ(credit.columns(0).record(), "keep");
  EXPECT_EQ(config.models(1).name(), "other");
}

TEST(ConfigFile, EmptyIsEverythingUnset) {
  for (const std::string_view text : {"", "\n", "# nothing\n", "---\n", "\xEF\xBB\xBF# mark\n"}) {
    const absl::StatusOr<ParsedConfig> parsed = ParseConfig(text, "f.yaml");
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(parsed->config, v1::Config()));
  }
}

struct Refused {
  const char* text;
  const char* message;
};

class ConfigErrors : public ::testing::TestWithParam<Refused> {};

TEST_P(ConfigErrors, SaysWhereAndWhat) { EXPECT_EQ(Refusal(GetParam().text), GetParam().message); }

INSTANTIATE_TEST_SUITE_P(
    Golden, ConfigErrors,
    ::testing::Values(
        Refused{"modles: []\n", "f.yaml:1:1: unknown key \"modles\", did you mean models?"},
        Refused{"models:\n- windw_panes: 3\n",
                "f.yaml:2:3: models[0]: unknown key \"windw_panes\", did you mean window_panes?"},
        Refused{"log: {colour: red}",
                "f.yaml:1:7: log: unknown key \"colour\", expected one of: level, format"},
        Refused{"shards: 1\nshards: 2\n", "f.yaml:2:1: shards: duplicate key, expected once"},
        Refused{"defaults: {labels: {a: x, a: y}}",
                "f.yaml:1:27: defaults.labels.a: duplicate key, expected once"},
        Refused{"shards: many",
                "f.yaml:1:9: shards: \"many\", expected a whole number from 0 to "
                "4294967295"},
        Refused{"shards: -1",
                "f.yaml:1:9: shards: \"-1\", expected a whole number from 0 to 4294967295"},
        Refused{"shards: 4294967296",
                "f.yaml:1:9: shards: \"4294967296\", expected a whole number "
                "from 0 to 4294967295"},
        Refused{"shards: 1.5",
                "f.yaml:1:9: shards: \"1.5\", expected a whole number from 0 to 4294967295"},
        Refused{"shards: \"2\"",
                "f.yaml:1:9: shards: \"2\" in quotes, expected a whole number "
                "from 0 to 4294967295"},
        Refused{"shards: [1]",
                "f.yaml:1:9: shards: a list, expected a whole number from 0 to 4294967295"},
        Refused{"recorder:\n  enabled: yes\n",
                "f.yaml:2:12: recorder.enabled: \"yes\", expected true or false"},
        Refused{"defaults: {alert: {resolve_margin: .nan}}",
                "f.yaml:1:36: defaults.alert.resolve_margin: \".nan\", expected a number"},
        Refused{"defaults: {alert: {resolve_margin: inf}}",
                "f.yaml:1:36: defaults.alert.resolve_margin: \"inf\", expected a number"},
        Refused{"defaults: {severity: SEVERITY_WARNING}",
                "f.yaml:1:22: defaults.severity: \"SEVERITY_WARNING\", expected one of: info, "
                "warning, critical"},
        Refused{"defaults: {detectors: [{raw_window: {score: psi}}]}",
                "f.yaml:1:45: defaults.detectors[0].raw_window.score: \"psi\", expected one of: "
                "evidently_psi, evidently_kl, evidently_jensen_shannon, evidently_hellinger, "
                "evidently_wasserstein, nannyml_jensen_shannon, nannyml_hellinger, "
                "nannyml_wasserstein, scipy_kolmogorov_smirnov, sagemaker_simple, "
                "sagemaker_robust"},
        Refused{"defaults: {severity: 2}",
                "f.yaml:1:22: defaults.severity: \"2\", expected one "
                "of: info, warning, critical"},
        Refused{"data_folder: {a: b}", "f.yaml:1:14: data_folder: a mapping, expected text"},
        Refused{"data_folder:\nshards: 1\n", "f.yaml:1:1: data_folder: nothing, expected text"},
        Refused{"listen: here", "f.yaml:1:9: listen: \"here\", expected a mapping"},
        Refused{"models: {name: a}", "f.yaml:1:9: models: a mapping, expected a list"},
        Refused{"models: [a]", "f.yaml:1:10: models[0]: \"a\", expected a mapping"},
        Refused{"models:\n- name: a\n- \n", "f.yaml:2:1: models[1]: nothing, expected a mapping"},
        Refused{"defaults: {labels: [a]}",
                "f.yaml:1:20: defaults.labels: a list, expected a mapping"},
        Refused{"defaults: {labels: {a: [b]}}",
                "f.yaml:1:24: defaults.labels.a: a list, expected text"},
        Refused{"? [a]\n: b\n", "f.yaml:1:3: a list, expected a key"},
        Refused{"- a\n", "f.yaml:1:1: a list, expected a mapping"},
        Refused{"just text", "f.yaml:1:1: \"just text\", expected a mapping"},
        Refused{"shards: !!int 3",
                "f.yaml:1:9: shards: tag \"tag:yaml.org,2002:int\", expected a "
                "value without a tag"},
        Refused{"shards: 1\n---\nshards: 2\n", "f.yaml:2:1: a second document, expected one"},
        Refused{"a: b: c\n", "f.yaml:1:5: illegal map value, expected YAML"},
        Refused{"shards: 1\n\tlog: x\n", "f.yaml:2:1: tabs cannot indent YAML; use spaces"},
        Refused{"listen:\n\tgrpc: off\n", "f.yaml:2:1: tabs cannot indent YAML; use spaces"},
        Refused{"models:\n  - name: x\n  \tpane: {rows: 10}\n",
                "f.yaml:3:3: tabs cannot indent YAML; use spaces"},
        Refused{"a:\tb: c\n", "f.yaml:1:5: illegal map value, expected YAML"},
        Refused{"\"\\\xC2\x87\"\n", "f.yaml:1:4: unknown escape character: , expected YAML"},
        Refused{"data_folder: /a\xFF\n", "f.yaml:1:16: invalid UTF-8, expected UTF-8 text"},
        Refused{"shards: *missing\n",
                "f.yaml:1:9: the referenced anchor is not defined, expected YAML"},
        Refused{"defaults:\n  detectors:\n    - psi: {threshold: 0.1}\n      missing_rate: {}\n",
                "f.yaml:4:7: defaults.detectors[0]: has both psi and missing_rate, expected one of "
                "them: make it two entries"}));

TEST(ConfigFile, NamesAllFindingsUpToALimit) {
  EXPECT_EQ(Refusal("shards: x\nlog: {level: 1, levl: 2}\n"),
            "f.yaml:1:9: shards: \"x\", expected a whole number from 0 to 4294967295\n"
            "f.yaml:2:17: log: unknown key \"levl\", did you mean level?");
  std::string many;
  for (int i = 0; i < 100; ++i) many += "bad" + std::to_string(i) + ": 1\n";
  const std::string refusal = Refusal(many);
  EXPECT_EQ(std::count(refusal.begin(), refusal.end(), '\n'), 19);
}

TEST(ConfigFile, AliasesAreTakenAndBombsAreNot) {
  const auto parsed = ParseConfig(
      "defaults:\n  detectors:\n    - psi: &o {threshold: 0.3}\n    - wasserstein: *o\n", "f.yaml");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_DOUBLE_EQ(parsed->config.defaults().detectors(1).wasserstein().threshold(), 0.3);

  std::string bomb = "metrics: {signals_always: &a [x, x]}\ndefaults:\n  columns: &c\n";
  for (int i = 0; i < 1000; ++i) bomb += "  - {name: n" + std::to_string(i) + "}\n";
  bomb += "models:\n";
  for (int i = 0; i < 400; ++i) bomb += "- {columns: *c}\n";
  EXPECT_THAT(Refusal(bomb), HasSubstr("too many values, aliases counted each time"));
}

TEST(ConfigFile, ErrorsShowNoUnsafeCharacter) {
  for (const std::string& hostile : testing::InvisibleCharacters()) {
    const std::string refusal = Refusal("\"a" + hostile + "b\": 1\n");
    EXPECT_NE(refusal, "");
    EXPECT_EQ(refusal.find(hostile), std::string::npos) << refusal;
  }
}

TEST(ConfigFile, HostileSizesEnd) {
  EXPECT_THAT(Refusal(std::string(kConfigBytesMax + 1, '#')), HasSubstr("larger than 1048576"));
  EXPECT_THAT(Refusal(std::string(500'000, '[')), HasSubstr("f.yaml:1:"));
  EXPECT_THAT(Refusal(std::string(500'000, '{')), HasSubstr("f.yaml:1:"));
  EXPECT_THAT(Refusal(std::string("a\0b", 3)), HasSubstr("expected UTF-8 text"));
  for (const char* stray : {"}", "]", "shards: 1\n}\n", "{shards: 1}]", "a: b\n---\n]"}) {
    EXPECT_THAT(Refusal(stray), HasSubstr("f.yaml:")) << stray;
  }
  const std::string key(kConfigBytesMax - 10, 'k');
  EXPECT_THAT(Refusal(key + ": 1"), HasSubstr("f.yaml:1:"));
}

TEST(ConfigFile, LocatesFieldsForOthers) {
  const std::string text(kEverything.substr(0, kEverything.find("shards")));
  const absl::StatusOr<ParsedConfig> parsed = ParseConfig(text, "f.yaml");
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed->Locate("models[0].pane.rows"), "f.yaml:14:18");
  // Not in the file: the nearest around it.
  EXPECT_EQ(parsed->Locate("models[0].pane.length"), "f.yaml:14:11");
  EXPECT_EQ(parsed->Locate("models[0].idle_close"), "f.yaml:13:5");
  EXPECT_EQ(parsed->Locate("retention.panes_age_max"), "f.yaml:1:1");
  EXPECT_EQ(
      std::string(parsed->Place(absl::InvalidArgumentError("shards: 99: too many")).message()),
      "f.yaml:1:1: shards: 99: too many");
}

class ConfigOnDisk : public ::testing::Test {
 protected:
  ConfigOnDisk()
      : folder_(std::filesystem::temp_directory_path() /
                ("faultline_config_" + std::to_string(getpid()))) {
    std::filesystem::create_directories(folder_);
  }
  ~ConfigOnDisk() override { std::filesystem::remove_all(folder_); }
  std::string Write(const std::string& text) {
    const std::string path = folder_ / "faultline.yaml";
    std::ofstream(path) << text;
    return path;
  }
  std::filesystem::path folder_;
};

TEST_F(ConfigOnDisk, ChecksRangesWithTheirPlace) {
  EXPECT_TRUE(CheckConfigFile(Write("models:\n- name: credit\n  window_panes: 30\n")).ok());
  const std::string path = Write("models:\n- name: credit\n  window_panes: 100000\n");
  const absl::Status refused = CheckConfigFile(path);
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(refused.message()),
              ::testing::StartsWith(path + ":3:17: models[0].window_panes"));
}

TEST_F(ConfigOnDisk, SaysWhyItCannotBeRead) {
  EXPECT_EQ(CheckConfigFile(folder_ / "missing.yaml").code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(CheckConfigFile(folder_).code(), absl::StatusCode::kFailedPrecondition);
}

TEST(ConfigExamples, AllParse) {
  int seen = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(FAULTLINE_SOURCE_DIR "/deploy/examples")) {
    if (entry.path().extension() != ".yaml") continue;
    EXPECT_TRUE(CheckConfigFile(entry.path()).ok()) << CheckConfigFile(entry.path());
    ++seen;
  }
  EXPECT_GE(seen, 2);
}

}  // namespace
}  // namespace faultline
