#include <absl/strings/str_cat.h>
#include <google/protobuf/descriptor.h>
#include <xxhash.h>

#include <limits>
#include <utility>

#include "base/characters.h"
#include "base/utf8.h"
#include "daemon/core/settings/limits.h"
#include "daemon/core/settings/settings.h"
#include "daemon/core/settings/settings_fields.h"

namespace faultline {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kPaneLengthDefault = 10 * kSecond;
constexpr int64_t kIdleCloseDefault = 30 * kSecond;
constexpr size_t kLabelsMax = 16;
constexpr size_t kLabelBytesMax = 256;
constexpr size_t kUrlBytesMax = 2'048;

bool IsText(std::string_view text) {
  return Utf8PrefixBytes(text) == text.size() && !HasControlCharacter(text);
}

// A label name that is valid in Prometheus and not reserved.
bool IsLabelName(std::string_view name) {
  if (name.empty() || name.size() > kNameBytesMax || name.starts_with("__")) return false;
  for (size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    if (!letter && !(i > 0 && c >= '0' && c <= '9')) return false;
  }
  return true;
}

void ReadPane(const v1::PaneConfig& pane, const std::string& path, SettingsFields* fields,
              ModelSettings* settings) {
  if (!pane.length().empty() && pane.has_rows()) {
    return fields->Refuse(path, absl::StrCat("length ", pane.length(), " and rows ", pane.rows()),
                          "one of the two");
  }
  fields->Number(path, pane, "rows", 10, 1'000'000, &settings->pane_rows);
  settings->pane_length_ns = pane.has_rows() ? 0 : kPaneLengthDefault;
  fields->Duration(path + ".length", pane.length(), kSecond, 3'600 * kSecond, "1s to 1h",
                   &settings->pane_length_ns);
}

void ReadLabels(const v1::ModelConfig& config, const std::string& path, SettingsFields* fields,
                ModelSettings* settings) {
  for (const auto& [name, value] : config.labels()) settings->labels[name] = value;
  for (const auto& [name, value] : settings->labels) {
    if (!IsLabelName(name)) {
      fields->Refuse(path, name,
                     "letters, digits and underscores, not beginning with a digit or __");
    }
    if (value.size() > kLabelBytesMax || !IsText(value)) {
      fields->Refuse(absl::StrCat(path, ".", name), value,
                     "at most 256 bytes without control characters");
    }
  }
  if (settings->labels.size() > kLabelsMax) {
    fields->Refuse(path, absl::StrCat(settings->labels.size(), " labels"), "at most 16");
  }
}

void ReadColumn(const v1::ColumnConfig& config, const std::string& path, SettingsFields* fields,
                ModelSettings* settings) {
  if (config.name().empty()) fields->Refuse(path + ".name", "", "a column's name, or a pattern");
  ColumnSettings column;
  column.pattern = config.name();
  column.sketches = {.quantiles = config.quantiles(), .distinct = config.distinct()};
  column.ignore = config.ignore();
  constexpr RecordPolicy kPolicies[] = {RecordPolicy::kKeep, RecordPolicy::kHash,
                                        RecordPolicy::kDrop};
  size_t word = std::size(kPolicies);
  fields->Word(path + ".record", config.record(), {"keep", "hash", "drop"}, &word);
  if (word < std::size(kPolicies)) {
    column.record_numbers = column.record_strings = kPolicies[word];
  }
  settings->columns.push_back(std::move(column));
}

bool HasThreshold(const v1::DetectorSpec& spec) {
  const auto* kind = spec.GetDescriptor()->FindFieldByNumber(spec.kind_case());
  const auto& options = spec.GetReflection()->GetMessage(spec, kind);
  const auto* threshold = options.GetDescriptor()->FindFieldByName("threshold");
  return threshold != nullptr && options.GetReflection()->HasField(options, threshold);
}

void ReadBudgetPart(const v1::DetectorSpec& spec, const std::string& path, SettingsFields* fields,
                    DetectorSettings* made) {
  const bool budgeted = made->entry->budgeted;
  if (!budgeted && (spec.has_weight() || spec.has_share())) {
    return fields->Refuse(path, std::string(made->entry->name),
                          "no weight or share: this kind is not on the alarm budget");
  }
  fields->Real(path, spec, "weight", 0, 1e6, &made->weight);
  fields->Real(path, spec, "share", 0, 1, &made->share);
  if (!budgeted) made->weight = 0;
  if (spec.has_weight() && spec.has_share()) {
    fields->Refuse(path, std::string(made->entry->name), "weight or share, not both");
  }
}

// Covers the options only: follow state starts again when they change, but not with another
// severity or more signals. The messages contain no maps, so their bytes are canonical.
uint64_t Fingerprint(v1::DetectorSpec spec) {
  spec.clear_signals();
  spec.clear_severity();
  spec.clear_weight();
  spec.clear_share();
  const std::string bytes = spec.SerializeAsString();
  return XXH3_64bits(bytes.data(), bytes.size());
}

void AddDetector(const v1::DetectorSpec& spec, const std::string& path, SettingsFields* fields,
                 ModelSettings* settings) {
  absl::StatusOr<Detector> detector = MakeDetector(spec);
  if (!detector.ok()) return fields->Refuse(path, detector.status());
  DetectorSettings made;
  made.entry = FindKind(spec.kind_case());
  made.detector = *std::move(detector);
  made.signals.assign(spec.signals().begin(), spec.signals().end());
  made.severity = settings->severity;
  if (!v1::Severity_IsValid(spec.severity())) {
    return fields->Refuse(path + ".severity", absl::StrCat(spec.severity()),
                          "info, warning or critical");
  }
  if (spec.severity() != v1::SEVERITY_UNSPECIFIED) made.severity = spec.severity();
  ReadBudgetPart(spec, path, fields, &made);
  const bool granted = settings->budget.granted() && made.weight + made.share > 0;
  made.has_threshold = made.entry->budgeted ? granted : HasThreshold(spec);
  made.fingerprint = Fingerprint(spec);
  for (const DetectorSettings& other : settings->detectors) {
    // If the options decide what is derived, entries of one kind must differ in them.
    const auto& transform = made.detector.transform;
    const bool by_options = transform != nullptr && !transform->facts().options.empty();
    const bool same =
        by_options ? other.fingerprint == made.fingerprint : other.signals == made.signals;
    if (other.entry == made.entry && same) {
      return fields->Refuse(path, std::string(made.entry->name),
                            by_options ? "other options than an earlier entry of this kind has"
                                       : "other signals than an earlier entry of this kind has");
    }
  }
  settings->detectors.push_back(std::move(made));
}

void ReadDetectors(const v1::ModelConfig& config, const std::string& path, SettingsFields* fields,
                   ModelSettings* settings) {
  for (int i = 0; i < config.detectors_size(); ++i) {
    AddDetector(config.detectors(i), absl::StrCat(path, "[", i, "]"), fields, settings);
  }
  if (config.detectors_size() > 0) return;
  for (const CatalogEntry& entry : Catalog()) {
    if (!entry.in_default_suite) continue;
    v1::DetectorSpec spec;
    const auto* kind = spec.GetDescriptor()->FindFieldByNumber(entry.kind);
    spec.GetReflection()->MutableMessage(&spec, kind);
    AddDetector(spec, path, fields, settings);
  }
}

}  // namespace

v1::ModelConfig MergedModel(const v1::ModelConfig& defaults, const v1::ModelConfig& own) {
  v1::ModelConfig merged = defaults;
  if (own.detectors_size() > 0) merged.clear_detectors();
  if (own.columns_size() > 0) merged.clear_columns();
  // Length and rows exclude each other: the model's own one overrides both defaults.
  if (own.pane().has_rows() || !own.pane().length().empty()) merged.clear_pane();
  merged.MergeFrom(own);
  return merged;
}

void ReadBudget(const v1::AlarmBudgetConfig& config, const std::string& path,
                SettingsFields* fields, AlarmBudget* budget) {
  fields->Real(path, config, "false_alarms", 0, 1e6, &budget->false_alarms);
  fields->Number(path, config, "replicas", 1, 100'000, &budget->replicas);
  const std::string& per = config.per();
  if (per.ends_with(" rows")) {
    const absl::StatusOr<uint64_t> rows = ParseBytes(per.substr(0, per.size() - 5));
    if (!rows.ok() || *rows < 1) {
      return fields->Refuse(path + ".per", per, "a duration such as 30d, or \"1000000 rows\"");
    }
    budget->in_rows = true;
    budget->period = static_cast<double>(*rows);
    return;
  }
  int64_t period_ns = 0;
  fields->Duration(path + ".per", per, 60 * kSecond, 3'153'600'000 * kSecond, "1m to 36500d",
                   &period_ns);
  if (per.empty()) return;
  budget->in_rows = false;
  budget->period = static_cast<double>(period_ns) / 1e9;
}

void ReadModel(const v1::ModelConfig& config, const std::string& path, SettingsFields* fields,
               ModelSettings* settings) {
  ReadPane(config.pane(), path + ".pane", fields, settings);
  fields->Number(path, config, "window_panes", 1, 1'000, &settings->window_panes);
  fields->Number(path + ".reference", config.reference(), "learn_rows", 20, 100'000,
                 &settings->learn_rows);
  fields->Number(path + ".reference", config.reference(), "rolling_panes", 0, 10'000'000,
                 &settings->rolling_panes);
  const v1::AlertConfig& alert = config.alert();
  fields->Number(path + ".alert", alert, "fire_panes", 1, 1'000, &settings->fire_panes);
  fields->Number(path + ".alert", alert, "resolve_panes", 1, 1'000, &settings->resolve_panes);
  fields->Real(path + ".alert", alert, "resolve_margin", 0, 1, &settings->resolve_margin);
  if (!v1::Severity_IsValid(config.severity())) {
    fields->Refuse(path + ".severity", absl::StrCat(config.severity()),
                   "info, warning or critical");
  }
  if (config.severity() != v1::SEVERITY_UNSPECIFIED) settings->severity = config.severity();
  ReadBudget(config.alarm_budget(), path + ".alarm_budget", fields, &settings->budget);
  ReadDetectors(config, path + ".detectors", fields, settings);
  ReadLabels(config, path + ".labels", fields, settings);
  const std::string& url = config.runbook_url();
  const bool web = url.starts_with("http://") || url.starts_with("https://");
  if (!url.empty() && (!web || url.size() > kUrlBytesMax || !IsText(url))) {
    fields->Refuse(path + ".runbook_url", url, "a URL that begins with http:// or https://");
  }
  settings->runbook_url = url;
  for (int i = 0; i < config.columns_size(); ++i) {
    ReadColumn(config.columns(i), absl::StrCat(path, ".columns[", i, "]"), fields, settings);
  }
  size_t word = 0;
  fields->Word(path + ".unknown_columns", config.unknown_columns(), {"learn", "reject"}, &word);
  settings->learn_unknown_columns = word == 0;
  settings->idle_close_ns = kIdleCloseDefault;
  fields->Duration(path + ".idle_close", config.idle_close(), 1,
                   std::numeric_limits<int64_t>::max(), "more than 0s", &settings->idle_close_ns);
}

ColumnSettings ModelSettings::ForColumn(std::string_view name) const {
  for (const ColumnSettings& column : columns) {
    if (MatchesPattern(column.pattern, name)) return column;
  }
  return {};
}

}  // namespace faultline
