#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "daemon/config/process_settings.h"
#include "daemon/edge/grpc/grpc_server.h"
#include "daemon/edge/ingest/ingestion_hub.h"
#include "daemon/edge/notify/alert_poster.h"
#include "daemon/runtime/pipeline.h"
#include "storage/segments/recorder.h"

namespace faultline {

// What the routes need. Everything pointed to must outlive the server.
struct DaemonHttpParts {
  Pipeline* pipeline = nullptr;
  IngestionHub* hub = nullptr;
  Recorder* recorder = nullptr;                   // null: recording is off
  AlertPoster* alert_poster = nullptr;            // null: alerts are not posted
  int64_t config_ns = 0;                          // when the configuration was read at the start
  std::function<ConnectionCounts()> connections;  // of gRPC
  std::function<absl::Status()> healthy;
  std::function<absl::StatusOr<std::vector<std::string>>(const Principal& by)> reload;
  std::string grpc_address;
};

// Serves /metrics, /-/healthy, /-/ready, /-/reload and POST /v1/events over HTTP.
//
// Concurrency:  thread-safe.
class DaemonHttp {
 public:
  // Errors name the address and what to do.
  static absl::StatusOr<std::unique_ptr<DaemonHttp>> Start(const DaemonHttpParts& parts,
                                                           const ListenSettings& listen,
                                                           uint64_t message_bytes_max);
  ~DaemonHttp();

  // From now on /-/ready fails, and no events are accepted.
  void Retire();
  void Stop();
  // Counts a reload; `accepted`: whether the new configuration is in use.
  void CountReload(bool accepted);
  // host:port, as bound.
  const std::string& address() const;

 private:
  struct Impl;
  explicit DaemonHttp(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace faultline
