#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "daemon/config/process_settings.h"
#include "daemon/core/contract/effects.h"
#include "daemon/edge/http/http_client.h"
#include "daemon/edge/notify/posted_alerts.h"

namespace faultline {

// What was posted since the start, and what is pending.
struct AlertPosterReading {
  uint64_t posts = 0;         // requests made
  uint64_t posts_failed = 0;  // no answer, or a server error: retried
  uint64_t alerts_taken = 0;
  uint64_t alerts_refused = 0;  // with an answer that a retry would not change
  uint64_t alerts_dropped = 0;  // because too many are held
  uint64_t alerts = 0;          // held: active, or with an end not yet posted
  bool up = true;               // the last request was answered
  int64_t taken_ns = 0;         // when alerts were last taken, wall clock; 0: never
};

// Posts incidents to an Alertmanager as alerts; PostedAlerts says which and when.
//
// Operation:    a thread of its own posts what is due, and retries after 1 s, 2 s, ... 30 s if
//               there is no answer. Only the newest state of each alert is kept, so an Alertmanager
//               that comes back receives every active alert and every end.
// Concurrency:  thread-safe; Apply never waits for the network.
// Limitations:  ends that were not posted before the daemon stops are lost: Alertmanager resolves
//               such an alert by itself after four times `resend`.
class AlertPoster {
 public:
  explicit AlertPoster(const AlertmanagerSettings& settings);
  ~AlertPoster();

  // An incident that exists at the start, or a changed one.
  void Apply(const v1::Incident& incident);
  void Apply(const IncidentChange& change);
  // `reports_url`: the address of the reports; empty if they are off.
  void Start(const std::string& reports_url);
  // Idempotent.
  void Stop();
  AlertPosterReading Read() const;

 private:
  void Run();
  void Post(const PostedAlerts::Batch& batch, std::unique_lock<std::mutex>* lock);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  PostedAlerts alerts_;
  AlertPosterReading reading_;
  int64_t pause_ns_ = 0;  // after a failure, before the next try
  int64_t again_ns_ = 0;  // steady; not before
  HttpClient client_;
  std::thread thread_;
};

}  // namespace faultline
