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

// What the HTTP edge stands on. Everything pointed to must outlive it.
struct HttpEdgeParts {
  Pipeline* pipeline = nullptr;
  IngestionHub* hub = nullptr;
  Recorder* recorder = nullptr;         // null: nothing is recorded
  AlertPoster* alert_poster = nullptr;  // null: nothing is posted
  int64_t start_ns = 0;
  int64_t config_ns = 0;                          // when the configuration was read at the start
  std::function<ConnectionCounts()> connections;  // of gRPC
  std::function<uint32_t()> watchers;
  std::function<absl::Status()> healthy;
  std::function<absl::StatusOr<std::vector<std::string>>(const Principal& by)> reload;
  std::string grpc_address;
};

// Everything the daemon says over HTTP: /metrics, /-/healthy, /-/ready, /-/reload, POST /v1/events.
//
// Concurrency:  thread-safe.
class HttpEdge {
 public:
  // Errors name the address and what to do.
  static absl::StatusOr<std::unique_ptr<HttpEdge>> Start(const HttpEdgeParts& parts,
                                                         const ListenSettings& listen,
                                                         uint64_t message_bytes_max);
  ~HttpEdge();

  // /-/ready says no, and no events are taken, from now on.
  void Retire();
  void Stop();
  // The configuration was read again, with or without success.
  void CountReload(bool taken);
  // host:port, as bound.
  const std::string& address() const;

 private:
  struct Impl;
  explicit HttpEdge(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace faultline
