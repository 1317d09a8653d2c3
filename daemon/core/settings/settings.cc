#include "daemon/core/settings/settings.h"

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <arpa/inet.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <sys/un.h>
#include <xxhash.h>

#include <algorithm>
#include <limits>
#include <set>

#include "daemon/core/contract/limits.h"
#include "daemon/core/settings/settings_fields.h"

namespace faultline {
namespace {

constexpr int64_t kMillisecond = 1'000'000;
constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kDay = 86'400 * kSecond;
constexpr int64_t kAnyDuration = std::numeric_limits<int64_t>::max();
// What a signal takes with the default suite and full windows; see
// docs/decisions/memory_of_a_signal.md.
constexpr uint64_t kSignalBytes = 24ull << 10;
constexpr uint64_t kAnyBytes = std::numeric_limits<int64_t>::max();
constexpr std::string_view kInsecure = "anybody who reaches this port can read and write";
constexpr std::string_view kInsecurePost = "anybody on the way can read and change what is posted";
constexpr const char* kInsecureExpected =
    "a loopback address such as 127.0.0.1:7070, or listen.insecure_listen set to \"anybody who "
    "reaches this port can read and write\"";

struct Address {
  std::string host;
  bool sound = false;
};

// "host:port", "[v6]:port".
Address ParseAddress(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return {};
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  if (port.empty() || port.size() > 5) return {};
  uint32_t number = 0;
  for (const char c : port) {
    if (c < '0' || c > '9') return {};
    number = number * 10 + static_cast<uint32_t>(c - '0');
  }
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  in6_addr v6;
  if (bracketed && inet_pton(AF_INET6, std::string(host).c_str(), &v6) != 1) return {};
  const bool plain = std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-';
  });
  return {std::string(host), !host.empty() && (bracketed || plain) && number <= 65'535};
}

bool IsLoopback(const std::string& host) {
  in_addr v4;
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6;
  if (inet_pton(AF_INET6, host.c_str(), &v6) == 1) return IN6_IS_ADDR_LOOPBACK(&v6);
  return host == "localhost";
}

void ReadAddress(const std::string& path, const std::string& text, bool insecure,
                 SettingsFields* fields, std::string* out) {
  if (!text.empty()) *out = text;
  const Address address = ParseAddress(*out);
  if (!address.sound) {
    fields->Refuse(path, text, "an address with a port, such as 127.0.0.1:7070 or [::1]:7070");
  } else if (!insecure && !IsLoopback(address.host)) {
    fields->Refuse(path, text, kInsecureExpected);
  }
}

// What may stand in a link as it is.
bool IsLink(const std::string& url) {
  if (!url.starts_with("http://") && !url.starts_with("https://")) return false;
  return std::all_of(url.begin(), url.end(), [](char c) {
    return c > ' ' && c < 0x7f && c != '"' && c != '\'' && c != '<' && c != '>' && c != '?' &&
           c != '#';
  });
}

void ReadListen(const v1::ListenConfig& listen, SettingsFields* fields, Settings* settings) {
  const bool insecure = listen.insecure_listen() == kInsecure;
  if (!insecure && !listen.insecure_listen().empty()) {
    fields->Refuse("listen.insecure_listen", listen.insecure_listen(),
                   "\"" + std::string(kInsecure) + "\", or nothing");
  }
  if (listen.grpc() != "off") {
    settings->grpc_address = "127.0.0.1:7070";
    ReadAddress("listen.grpc", listen.grpc(), insecure, fields, &settings->grpc_address);
  }
  settings->http_address = "127.0.0.1:7071";
  ReadAddress("listen.http", listen.http(), insecure, fields, &settings->http_address);
  if (listen.socket() != "off") {
    settings->socket_path =
        listen.socket().empty() ? settings->data_folder + "/faultline.sock" : listen.socket();
    if (settings->socket_path.size() >= sizeof(sockaddr_un::sun_path)) {
      fields->Refuse("listen.socket", settings->socket_path, "a path of at most 107 bytes, or off");
    }
  }
  if (listen.reports() != "off") {
    settings->reports_address = "127.0.0.1:7072";
    settings->reports_must = !listen.reports().empty();
    ReadAddress("listen.reports", listen.reports(), insecure, fields, &settings->reports_address);
  }
  settings->reports_url = listen.reports_url();
  while (settings->reports_url.ends_with('/')) settings->reports_url.pop_back();
  if (!settings->reports_url.empty() && !IsLink(settings->reports_url)) {
    fields->Refuse("listen.reports_url", listen.reports_url(),
                   "an address such as http://10.0.0.7:7072 or https://faultline.example/reports");
  }
  fields->Number("listen", listen, "connections_max", 1, 100'000, &settings->connections_max);
}

// As Prometheus takes them, and none of those that an incident has by itself.
bool IsFreeLabel(const std::string& name) {
  for (const char* own : {"alertname", "model", "version", "severity", "test"}) {
    if (name == own) return false;
  }
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
  return plain && !name.empty() && name.size() <= kNameBytesMax && (name[0] < '0' || name[0] > '9');
}

void ReadAlertmanager(const v1::AlertmanagerConfig& config, SettingsFields* fields,
                      AlertmanagerSettings* settings) {
  constexpr int kLabelsMax = 16;
  const bool insecure = config.insecure_post() == kInsecurePost;
  if (!insecure && !config.insecure_post().empty()) {
    fields->Refuse("alertmanager.insecure_post", config.insecure_post(),
                   absl::StrCat("\"", std::string(kInsecurePost), "\", or nothing"));
  }
  if (!config.url().empty()) {
    const absl::StatusOr<HttpUrl> url = ParseHttpUrl(config.url());
    if (!url.ok()) {
      fields->Refuse("alertmanager.url", url.status());
    } else if (!insecure && !IsLoopback(url->host)) {
      fields->Refuse("alertmanager.url", config.url(),
                     absl::StrCat("an address on loopback such as http://127.0.0.1:9093, or "
                                  "alertmanager.insecure_post set to \"",
                                  std::string(kInsecurePost), "\""));
    } else {
      settings->url = *url;
    }
  }
  fields->Duration("alertmanager.resend", config.resend(), kSecond, 600 * kSecond, "1s to 10m",
                   &settings->resend_ns);
  if (config.labels_size() > kLabelsMax) {
    fields->Refuse("alertmanager.labels", absl::StrCat(config.labels_size(), " labels"),
                   "at most 16");
  }
  settings->labels.insert(config.labels().begin(), config.labels().end());
  for (const auto& [name, value] : settings->labels) {
    if (!IsFreeLabel(name)) {
      fields->Refuse("alertmanager.labels", name,
                     "letters, digits and _, and no label that incidents have by themselves");
    } else if (value.empty() || value.size() > kNameBytesMax) {
      fields->Refuse(absl::StrCat("alertmanager.labels.", name), value, "1 to 128 bytes");
    }
  }
}

void ReadCommit(const v1::CommitConfig& commit, SettingsFields* fields, Settings* settings) {
  fields->Duration("commit.interval", commit.interval(), kMillisecond, 10 * kSecond, "1ms to 10s",
                   &settings->commit_interval_ns);
  size_t durability = 0;
  fields->Word("commit.durability", commit.durability(), {"process", "power"}, &durability);
  settings->commit_sync = durability == 1;
  fields->Bytes("commit.bytes_per_second_max", commit.bytes_per_second_max(), 1, kAnyBytes,
                "at least 1", &settings->commit_bytes_per_second);
}

// The rest is for what is fixed, messages on their way, snapshots and the store.
void DivideMemory(Settings* settings) {
  const uint64_t ceiling = settings->memory_bytes_max;
  const uint64_t signals = ceiling / 2 / kSignalBytes;
  if (signals < settings->signals_max) settings->signals_max = static_cast<uint32_t>(signals);
  settings->queue_bytes_max = std::min(settings->queue_bytes_max, ceiling / 8);
  settings->reference_bytes_max = std::min(settings->reference_bytes_max, ceiling / 8);
}

void ReadLimits(const v1::LimitsConfig& limits, SettingsFields* fields, Settings* settings) {
  fields->Number("limits", limits, "models", 1, 100'000, &settings->models_max);
  fields->Number("limits", limits, "signals_per_model", 1, 20'000,
                 &settings->signals_per_model_max);
  fields->Number("limits", limits, "signals", 1, 1'000'000, &settings->signals_max);
  fields->Number("limits", limits, "producers", 1, 1'000'000, &settings->producers_max);
  fields->Bytes("limits.queue", limits.queue(), 1, kAnyBytes, "at least 1",
                &settings->queue_bytes_max);
  fields->Bytes("limits.message", limits.message(), 1, 64ull << 20, "1 to 64MiB",
                &settings->message_bytes_max);
  fields->Bytes("limits.reference", limits.reference(), 1, kAnyBytes, "at least 1",
                &settings->reference_bytes_max);
  fields->Duration("limits.future", limits.future(), 0, kAnyDuration, "0s or more",
                   &settings->future_ns);
  fields->Bytes("limits.memory", limits.memory(), kMemoryBytesLeast, kAnyBytes, "at least 96MiB",
                &settings->memory_bytes_max);
  if (settings->memory_bytes_max > 0) DivideMemory(settings);
}

void ReadLog(const v1::LogConfig& log, SettingsFields* fields, Settings* settings) {
  const std::vector<std::string> levels = {"debug", "info", "warn", "error"};
  size_t level = 1;
  fields->Word("log.level", log.level(), levels, &level);
  settings->log_level = levels[level];
  size_t format = 0;
  fields->Word("log.format", log.format(), {"text", "json"}, &format);
  settings->log_json = format == 1;
}

void ReadKept(const v1::Config& config, SettingsFields* fields, Settings* settings) {
  const v1::RecorderConfig& recorder = config.recorder();
  settings->recorder_enabled = recorder.enabled();
  fields->Bytes("recorder.bytes_per_second_max", recorder.bytes_per_second_max(), 1, kAnyBytes,
                "at least 1", &settings->recorder_bytes_per_second);
  fields->Bytes("recorder.bytes_max", recorder.bytes_max(), 1, kAnyBytes, "at least 1",
                &settings->recorder_bytes_max);
  settings->recorder_age_max_ns = 7 * kDay;
  fields->Duration("recorder.age_max", recorder.age_max(), 1, kAnyDuration, "more than 0s",
                   &settings->recorder_age_max_ns);
  const v1::RetentionConfig& retention = config.retention();
  settings->panes_age_max_ns = 30 * kDay;
  fields->Duration("retention.panes_age_max", retention.panes_age_max(), 1, kAnyDuration,
                   "more than 0s", &settings->panes_age_max_ns);
  fields->Bytes("retention.panes_bytes_max", retention.panes_bytes_max(), 1, kAnyBytes,
                "at least 1", &settings->panes_bytes_max);
  fields->Number("retention", retention, "incidents_max", 0, std::numeric_limits<uint32_t>::max(),
                 &settings->incidents_max);
  fields->Number("metrics", config.metrics(), "signals_top", 0, 10'000, &settings->signals_top);
  settings->signals_always.assign(config.metrics().signals_always().begin(),
                                  config.metrics().signals_always().end());
}

// Keeps what was configured, for evidence.
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
    // By itself first, so that what it says wrongly shows even where a default is in the way.
    ModelSettings alone;
    ReadModel(own, path, fields, &alone);
    auto settings = std::make_shared<ModelSettings>();
    const v1::ModelConfig merged = MergedModel(defaults, own);
    // A budget of its own takes a model out of the deployment's.
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
  settings->data_folder =
      config.data_folder().empty() ? "/var/lib/faultline" : config.data_folder();
  ReadListen(config.listen(), &fields, settings.get());
  ReadAlertmanager(config.alertmanager(), &fields, &settings->alertmanager);
  ReadCommit(config.commit(), &fields, settings.get());
  ReadLimits(config.limits(), &fields, settings.get());
  ReadLog(config.log(), &fields, settings.get());
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
