#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "daemon/edge/notify/alert_poster.h"

namespace faultline {

// The state of the daemon itself, as the composition root reads it. Counts are since the start.
struct DaemonReading {
  bool ready = false;
  // Connections that are open now, those refused because there were too many.
  uint64_t grpc_connections = 0;
  uint64_t grpc_connections_refused = 0;
  uint64_t http_connections = 0;
  uint64_t http_connections_refused = 0;
  std::map<std::string, uint64_t> http_requests;  // by route and code: "/metrics 200"
  uint64_t log_lines_dropped = 0;
  // The configuration file.
  bool reload_successful = true;
  double reload_success_time = 0;  // seconds since 1970; at the start or since
  // The recorder.
  bool recorder_enabled = false;
  uint64_t recorder_bytes = 0;
  uint64_t recorder_segments = 0;
  uint64_t recorded_rows = 0;
  uint64_t recorder_dropped_rows = 0;
  // Posting to an Alertmanager.
  bool posts_alerts = false;
  AlertPosterReading alert_poster;
  // The daemon calling itself, to notice when other clients could not.
  bool self_probe_ok = true;
  double self_probe_seconds = 0;
};

// The daemon's own series: prometheus-cpp's registry of a few dozen, as text for the metrics page.
//
// Concurrency:  thread-safe.
class DaemonMetrics {
 public:
  struct Build {
    std::string version;
    std::string revision;
  };
  // `read` is called once per page, from the thread that writes it.
  DaemonMetrics(const Build& build, std::function<DaemonReading()> read);
  ~DaemonMetrics();

  void ObserveScrape(double seconds);
  // Appends all families to a page.
  void Write(std::string* page) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace faultline
