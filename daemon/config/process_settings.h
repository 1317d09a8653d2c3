#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <map>
#include <string>

#include "base/http_url.h"
#include "faultline/v1/config.pb.h"

namespace faultline {

// How the daemon is reached.
struct ListenSettings {
  std::string grpc_address;  // empty: off
  std::string socket_path;   // empty: off
  std::string http_address;
  std::string reports_address;    // empty: off
  bool reports_required = false;  // the address is configured: no start without it
  std::string reports_url;        // empty: http:// and the bound address
  uint32_t connections_max = 1'000;
};

// Where incidents are posted.
struct AlertmanagerSettings {
  HttpUrl url;  // no host: nowhere
  int64_t resend_ns = 60'000'000'000;
  std::map<std::string, std::string> labels;

  bool operator==(const AlertmanagerSettings&) const = default;
};

struct LogSettings {
  std::string level = "info";
  bool json = false;
};

// How much of the raw events is kept.
struct RecorderSettings {
  bool enabled = false;
  uint64_t bytes_per_second = 8ull << 20;
  uint64_t bytes = 1ull << 30;
  int64_t age_ns = 0;
};

// What the configuration says of the process itself: only the composition root and the edges read
// it, and all of it but `log` only at the start. What models are judged by is in
// daemon/core/settings/settings.h.
struct ProcessSettings {
  // INVALID_ARGUMENT naming the field by its path, as Settings::Make.
  static absl::StatusOr<ProcessSettings> Make(const v1::Config& config);

  std::string data_folder;
  ListenSettings listen;
  AlertmanagerSettings alertmanager;
  LogSettings log;
  RecorderSettings recorder;
};

}  // namespace faultline
