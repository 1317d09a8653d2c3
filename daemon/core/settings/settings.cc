#include "daemon/core/settings/settings.h"

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <xxhash.h>

#include <algorithm>
#include <limits>
#include <set>

#include "daemon/core/settings/limits.h"
#include "daemon/core/settings/settings_fields.h"

namespace faultline {
namespace {

constexpr int64_t kMillisecond = 1'000'000;
constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kDay = 86'400 * kSecond;
constexpr int64_t kAnyDuration = std::numeric_limits<int64_t>::max();
// Memory of a signal with the default suite and full windows; see
// docs/decisions/memory_of_a_signal.md.
constexpr uint64_t kSignalBytes = 24ull << 10;
constexpr uint64_t kAnyBytes = std::numeric_limits<int64_t>::max();

void ReadCommit(const v1::CommitConfig& commit, SettingsFields* fields, Settings* settings) {
  fields->Duration("commit.interval", commit.interval(), kMillisecond, 10 * kSecond, "1ms to 10s",
                   &settings->commit.interval_ns);
  size_t durability = 0;
  fields->Word("commit.durability", commit.durability(), {"process", "power"}, &durability);
  settings->commit.sync = durability == 1;
  fields->Bytes("commit.bytes_per_second_max", commit.bytes_per_second_max(), 1, kAnyBytes,
                "at least 1", &settings->commit.bytes_per_second);
}

// The rest is for fixed costs, messages in transit, snapshots and the store.
void DivideMemory(LimitSettings* settings) {
  const uint64_t ceiling = settings->memory_bytes;
  const uint64_t signals = ceiling / 2 / kSignalBytes;
  if (signals < settings->signals) settings->signals = static_cast<uint32_t>(signals);
  settings->queue_bytes = std::min(settings->queue_bytes, ceiling / 8);
  settings->reference_bytes = std::min(settings->reference_bytes, ceiling / 8);
}

void ReadLimits(const v1::LimitsConfig& limits, SettingsFields* fields, LimitSettings* settings) {
  fields->Number("limits", limits, "models", 1, 100'000, &settings->models);
  fields->Number("limits", limits, "signals_per_model", 1, 20'000, &settings->signals_per_model);
  fields->Number("limits", limits, "signals", 1, 1'000'000, &settings->signals);
  fields->Number("limits", limits, "producers", 1, 1'000'000, &settings->producers);
  fields->Bytes("limits.queue", limits.queue(), 1, kAnyBytes, "at least 1", &settings->queue_bytes);
  fields->Bytes("limits.message", limits.message(), 1, 64ull << 20, "1 to 64MiB",
                &settings->message_bytes);
  fields->Bytes("limits.reference", limits.reference(), 1, kAnyBytes, "at least 1",
                &settings->reference_bytes);
  fields->Duration("limits.future", limits.future(), 0, kAnyDuration, "0s or more",
                   &settings->future_ns);
  fields->Bytes("limits.memory", limits.memory(), kMemoryBytesLeast, kAnyBytes, "at least 96MiB",
                &settings->memory_bytes);
  if (settings->memory_bytes > 0) DivideMemory(settings);
}

void ReadKept(const v1::Config& config, SettingsFields* fields, Settings* settings) {
  const v1::RetentionConfig& retention = config.retention();
  settings->retention.panes_age_ns = 30 * kDay;
  fields->Duration("retention.panes_age_max", retention.panes_age_max(), 1, kAnyDuration,
                   "more than 0s", &settings->retention.panes_age_ns);
  fields->Bytes("retention.panes_bytes_max", retention.panes_bytes_max(), 1, kAnyBytes,
                "at least 1", &settings->retention.panes_bytes);
  fields->Number("retention", retention, "incidents_max", 0, std::numeric_limits<uint32_t>::max(),
                 &settings->retention.incidents);
  fields->Number("metrics", config.metrics(), "signals_top", 0, 10'000,
                 &settings->metrics.signals_top);
  settings->metrics.signals_always.assign(config.metrics().signals_always().begin(),
                                          config.metrics().signals_always().end());
}

// Keeps the configuration, for evidence.
void KeepConfig(const v1::Config& config, const v1::ModelConfig& of_model,
                ModelSettings* settings) {
  v1::Config kept;
  if (config.has_alarm_budget()) *kept.mutable_alarm_budget() = config.alarm_budget();
  *kept.mutable_defaults() = of_model;
  kept.mutable_defaults()->clear_name();
  google::protobuf::io::StringOutputStream stream(&settings->config);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  kept.SerializeToCodedStream(&coded);
  coded.Trim();
  settings->config_digest = ConfigDigest(settings->config);
}

using NamedModels = std::vector<std::pair<std::string, std::shared_ptr<const ModelSettings>>>;

void ReadModels(const v1::Config& config, SettingsFields* fields, NamedModels* models) {
  const v1::ModelConfig& defaults = config.defaults();
  if (!defaults.name().empty()) {
    fields->Refuse("defaults.name", defaults.name(), "no name: defaults are for every model");
  }
  AlarmBudget deployment;
  deployment.of_deployment = config.has_alarm_budget();
  ReadBudget(config.alarm_budget(), "alarm_budget", fields, &deployment);
  auto base = std::make_shared<ModelSettings>();
  if (!defaults.has_alarm_budget()) base->budget = deployment;
  ReadModel(defaults, "defaults", fields, base.get());
  KeepConfig(config, defaults, base.get());
  std::set<std::string> names;
  for (int i = 0; fields->ok() && i < config.models_size(); ++i) {
    const v1::ModelConfig& own = config.models(i);
    const std::string path = absl::StrCat("models[", i, "]");
    if (own.name().empty() || own.name().size() > kNameBytesMax) {
      fields->Refuse(path + ".name", own.name(), "a model's name of 1 to 128 bytes, or a pattern");
    } else if (own.name() == kTestModelName) {
      fields->Refuse(path + ".name", own.name(), "another name: this one is for test alerts");
    } else if (!names.insert(own.name()).second) {
      fields->Refuse(path + ".name", own.name(), "a name that no earlier entry has");
    }
    // Alone first, so that its errors show even where a default would hide them.
    ModelSettings alone;
    ReadModel(own, path, fields, &alone);
    auto settings = std::make_shared<ModelSettings>();
    const v1::ModelConfig merged = MergedModel(defaults, own);
    // A model with its own budget is excluded from the deployment's.
    settings->budget = merged.has_alarm_budget() ? AlarmBudget() : deployment;
    ReadModel(merged, path, fields, settings.get());
    KeepConfig(config, merged, settings.get());
    models->emplace_back(own.name(), std::move(settings));
  }
  models->emplace_back("*", std::move(base));
}

}  // namespace

uint64_t ConfigDigest(std::string_view config) { return XXH3_64bits(config.data(), config.size()); }

absl::StatusOr<std::shared_ptr<const Settings>> Settings::Make(const v1::Config& config,
                                                               uint32_t cores) {
  std::shared_ptr<Settings> settings(new Settings());
  SettingsFields fields;
  ReadCommit(config.commit(), &fields, settings.get());
  ReadLimits(config.limits(), &fields, &settings->limits);
  settings->record_events = config.recorder().enabled();
  ReadKept(config, &fields, settings.get());
  size_t unknown = 0;
  fields.Word("unknown_models", config.unknown_models(), {"register", "reject"}, &unknown);
  settings->register_unknown_models = unknown == 0;
  settings->shards = std::clamp(cores, 2u, 65u) - 1;
  if (config.has_shards() && (config.shards() < 1 || config.shards() > 64)) {
    fields.Refuse("shards", absl::StrCat(config.shards()), "1 to 64");
  } else if (config.has_shards()) {
    settings->shards = config.shards();
  }
  ReadModels(config, &fields, &settings->models_);
  if (!fields.ok()) return fields.status();
  return settings;
}

std::shared_ptr<const ModelSettings> Settings::ForModel(std::string_view name) const {
  if (name == kTestModelName) return models_.back().second;
  for (const auto& [pattern, settings] : models_) {
    if (MatchesPattern(pattern, name)) return settings;
  }
  return models_.back().second;
}

bool Settings::Lists(std::string_view name) const {
  return std::any_of(models_.begin(), models_.end(), [&](const auto& entry) {
    return entry.first == name && name.find('*') == std::string_view::npos;
  });
}

}  // namespace faultline
