// The configuration file.
#include <algorithm>

#include "base/check.h"
#include "base/utf8.h"
#include "daemon/config/config_file.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/mutate.h"

namespace faultline::fuzz {
namespace {

constexpr size_t kFindingsMax = 21;  // and a line that there are more

void CheckRefusal(const absl::Status& status) {
  FAULTLINE_CHECK(absl::IsInvalidArgument(status), "the file is wrong, nothing else");
  const std::string message(status.message());
  FAULTLINE_CHECK(message.starts_with("c.yaml"), "a refusal says where");
  FAULTLINE_CHECK(Utf8PrefixBytes(message) == message.size(), "people read it");
  FAULTLINE_CHECK(std::count(message.begin(), message.end(), '\n') <= int{kFindingsMax},
                  "an error is short enough to read");
}

// A model's settings are stored with its incidents, so reading them again must give the same.
void CheckStoredForm(const ModelSettings& model) {
  v1::Config config;
  FAULTLINE_CHECK(config.ParseFromString(model.config), "it is a message");
  const auto again = Settings::Make(config, 1);
  if (!again.ok()) CheckFailed(__FILE__, __LINE__, "again", again.status().ToString().c_str());
  const auto same = (*again)->ForModel("any");
  FAULTLINE_CHECK(same->config == model.config, "what it comes to comes to itself");
  FAULTLINE_CHECK(same->config_digest == model.config_digest, "equal bytes, equal digests");
  FAULTLINE_CHECK(same->detectors.size() == model.detectors.size(), "with the same detectors");
  for (size_t i = 0; i < model.detectors.size(); ++i) {
    FAULTLINE_CHECK(same->detectors[i].fingerprint == model.detectors[i].fingerprint,
                    "with the same options");
  }
}

}  // namespace

void Run(std::string_view bytes) {
  const absl::StatusOr<ParsedConfig> parsed = ParseConfig(bytes, "c.yaml");
  if (!parsed.ok()) return CheckRefusal(parsed.status());
  const auto lines = static_cast<int>(std::count(bytes.begin(), bytes.end(), '\n')) + 1;
  for (const auto& [path, place] : parsed->places) {
    FAULTLINE_CHECK(place.line >= 1 && place.line <= lines && place.column >= 1,
                    "fields stand in the file");
  }
  const auto process = ProcessSettings::Make(parsed->config);
  if (!process.ok()) return CheckRefusal(parsed->Place(process.status()));
  const auto settings = Settings::Make(parsed->config, 1);
  if (!settings.ok()) return CheckRefusal(parsed->Place(settings.status()));
  CheckStoredForm(*(*settings)->ForModel("credit"));
  CheckStoredForm(*(*settings)->ForModel("anything else"));
}

void Mutate(Random* dice, size_t bytes_max, std::string* bytes) {
  MutateText(dice,
             {"  ",
              "\n",
              ": ",
              "- ",
              "{",
              "}",
              "[",
              "]",
              "\"",
              "'",
              "#",
              "&a ",
              "*a",
              "!!int ",
              "---\n",
              "...\n",
              "|\n",
              ">\n",
              "? ",
              "\t",
              "~",
              "null",
              "true",
              "0x1f",
              "1e309",
              ".nan",
              "-.inf",
              "-1",
              "0",
              "18446744073709551616",
              "10s",
              "30d",
              "99999999d",
              "1GiB",
              "off",
              "models:\n",
              "defaults:\n",
              "detectors:",
              "psi: {}",
              "psi:\n",
              "name: \"*\"",
              "threshold: 0.2",
              "rows_min: 1",
              "pane: {rows: 5}",
              "pane: {length: 5m}",
              "window_panes: 1",
              "alarm_budget: {false_alarms: 1, per: 30d}",
              "severity: critical",
              "distribution_change: {}",
              "shards: 2",
              "sequence: {}",
              "http://h:1/p"},
             bytes_max, bytes);
}

std::vector<std::string> Seeds() {
  return {
      "defaults:\n  alarm_budget:\n    false_alarms: 1\n    per: 30d\n",
      "data_folder: /tmp/x\nlisten: {grpc: \"off\", http: 127.0.0.1:0}\ncommit: {interval: 50ms}\n"
      "limits:\n  models: 10\nrecorder: {enabled: true, bytes_max: 256MiB}\nmetrics:\n"
      "  signals_top: 5\nshards: 2\nunknown_models: reject\nalertmanager: {url: "
      "'http://a:9093/x'}\n",
      "models:\n  - name: credit\n    pane: {rows: 200}\n    window_panes: 5\n    severity: "
      "warning\n"
      "    reference: {learn_rows: 4000}\n    alert: {fire_panes: 2, resolve_panes: 3}\n"
      "    labels: {team: risk}\n    columns:\n      - {name: \"*\", record: keep, quantiles: "
      "true}\n"
      "    alarm_budget: {false_alarms: 1, per: 1000 rows}\n    detectors:\n"
      "      - missing_change: {}\n        severity: critical\n      - psi: {rows_min: 500}\n"
      "      - row_score: {quantile: 0.999}\n        signals: [\"a*\"]\n"
      "  - name: \"*\"\n    pane: {length: 10s}\n",
  };
}

}  // namespace faultline::fuzz
