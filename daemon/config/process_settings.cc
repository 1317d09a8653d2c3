#include "daemon/config/process_settings.h"

#include <absl/strings/str_cat.h>
#include <arpa/inet.h>
#include <sys/un.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "daemon/core/settings/limits.h"
#include "daemon/core/settings/settings_fields.h"

namespace faultline {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kDay = 86'400 * kSecond;
constexpr int64_t kAnyDuration = std::numeric_limits<int64_t>::max();
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

// Whether a link may hold it unescaped.
bool IsLink(const std::string& url) {
  if (!url.starts_with("http://") && !url.starts_with("https://")) return false;
  return std::all_of(url.begin(), url.end(), [](char c) {
    return c > ' ' && c < 0x7f && c != '"' && c != '\'' && c != '<' && c != '>' && c != '?' &&
           c != '#';
  });
}

void ReadListen(const v1::ListenConfig& listen, const std::string& data_folder,
                SettingsFields* fields, ListenSettings* settings) {
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
        listen.socket().empty() ? data_folder + "/faultline.sock" : listen.socket();
    if (settings->socket_path.size() >= sizeof(sockaddr_un::sun_path)) {
      fields->Refuse("listen.socket", settings->socket_path, "a path of at most 107 bytes, or off");
    }
  }
  if (listen.reports() != "off") {
    settings->reports_address = "127.0.0.1:7072";
    settings->reports_required = !listen.reports().empty();
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

// A label name of Prometheus that incidents do not use themselves.
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
      fields->Refuse(
          "alertmanager.labels", name,
          "letters, digits and _, not starting with a digit, and not a label that incidents set");
    } else if (value.empty() || value.size() > kNameBytesMax) {
      fields->Refuse(absl::StrCat("alertmanager.labels.", name), value, "1 to 128 bytes");
    }
  }
}

void ReadLog(const v1::LogConfig& log, SettingsFields* fields, LogSettings* settings) {
  const std::vector<std::string> levels = {"debug", "info", "warn", "error"};
  size_t level = 1;
  fields->Word("log.level", log.level(), levels, &level);
  settings->level = levels[level];
  size_t format = 0;
  fields->Word("log.format", log.format(), {"text", "json"}, &format);
  settings->json = format == 1;
}

void ReadRecorder(const v1::RecorderConfig& recorder, SettingsFields* fields,
                  RecorderSettings* settings) {
  settings->enabled = recorder.enabled();
  fields->Bytes("recorder.bytes_per_second_max", recorder.bytes_per_second_max(), 1, kAnyBytes,
                "at least 1", &settings->bytes_per_second);
  fields->Bytes("recorder.bytes_max", recorder.bytes_max(), 1, kAnyBytes, "at least 1",
                &settings->bytes);
  settings->age_ns = 7 * kDay;
  fields->Duration("recorder.age_max", recorder.age_max(), 1, kAnyDuration, "more than 0s",
                   &settings->age_ns);
}

}  // namespace

absl::StatusOr<ProcessSettings> ProcessSettings::Make(const v1::Config& config) {
  ProcessSettings settings;
  SettingsFields fields;
  settings.data_folder = config.data_folder().empty() ? "/var/lib/faultline" : config.data_folder();
  ReadListen(config.listen(), settings.data_folder, &fields, &settings.listen);
  ReadAlertmanager(config.alertmanager(), &fields, &settings.alertmanager);
  ReadLog(config.log(), &fields, &settings.log);
  ReadRecorder(config.recorder(), &fields, &settings.recorder);
  if (!fields.ok()) return fields.status();
  return settings;
}

}  // namespace faultline
