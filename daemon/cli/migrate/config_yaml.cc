#include "daemon/cli/migrate/config_yaml.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <utility>

#include "base/characters.h"
#include "base/escape.h"
#include "daemon/cli/console/console.h"

namespace faultline::cli {
namespace {

constexpr uint64_t kPanes = 10;
constexpr uint64_t kPaneRowsMax = 1'000'000;
constexpr double kAny = 1e-9;

// As a JSON string, which YAML accepts; YAML has another escape for characters above U+FFFF.
std::string Quoted(std::string_view text) {
  std::string quoted;
  const std::string json = boost::json::serialize(boost::json::value(text));
  for (std::string_view rest = json; !rest.empty();) {
    const Character character = TakeCharacter(&rest);
    if (character.unsafe() && character.code > 0xffff) {
      absl::StrAppendFormat(&quoted, "\\U%08x", character.code);
    } else {
      quoted += SafeJson(character.bytes);
    }
  }
  return quoted;
}

}  // namespace

ConfigYaml::ConfigYaml(std::string_view source, ImportedModel model)
    : source_(source), model_(std::move(model)) {}

void ConfigYaml::Add(std::string_view signal, std::string_view kind, double threshold,
                     std::string_view said) {
  absl::StrAppend(&detectors_, "      - {signals: [", Quoted(signal), "], ", std::string(kind),
                  ": {threshold: ", absl::StrFormat("%.6g", std::clamp(threshold, kAny, 1.0)),
                  "}}  # ", Printable(said), "\n");
}

void ConfigYaml::Remark(std::string_view signal, std::string_view why) {
  absl::StrAppend(&remarks_, "# ", Printable(signal), ": ", Printable(why), "\n");
}

std::string ConfigYaml::Text() const {
  const uint64_t rows = std::clamp<uint64_t>(model_.window_rows / kPanes, 10, kPaneRowsMax);
  std::string text = absl::StrCat(
      "# ", source_, ", imported for windows of ", rows * kPanes,
      " rows.\n"
      "# Fixed thresholds promise nothing about false alarms, here as there; the kinds at the end\n"
      "# are on the alarm budget. `faultline backtest` shows what each would have cost.\n");
  if (!remarks_.empty()) absl::StrAppend(&text, "# Not imported:\n", remarks_);
  absl::StrAppend(&text, "models:\n  - name: ", Quoted(model_.name), "\n    pane: {rows: ", rows,
                  "}\n    window_panes: ", kPanes, "\n    detectors:\n", detectors_);
  for (const char* kind :
       {"mean_change", "distribution_change", "missing_change", "range_change", "unseen_change"}) {
    absl::StrAppend(&text, "      - {", kind, ": {}}\n");
  }
  return text;
}

}  // namespace faultline::cli
