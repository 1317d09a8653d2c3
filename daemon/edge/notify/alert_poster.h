#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "daemon/config/process_settings.h"
#include "daemon/core/contract/effects.h"
#include "daemon/edge/http/http_post.h"
#include "daemon/edge/notify/posted_alerts.h"

namespace faultline {

// How posting goes, since the start.
struct AlertPosterReading {
  uint64_t posts = 0;         // requests made
  uint64_t posts_failed = 0;  // no answer, or one of a server in trouble: tried again
  uint64_t alerts_taken = 0;
  uint64_t alerts_refused = 0;  // an answer that trying again does not change
  uint64_t alerts_dropped = 0;  // no room for them
  uint64_t alerts = 0;          // that go on, or whose end is still to be told
  bool up = true;               // the last request was answered
  int64_t taken_ns = 0;         // the daemon's clock when alerts were taken last; 0: never
};

// Keeps an Alertmanager told of incidents, as PostedAlerts says.
//
// Operation:    a thread of its own posts what is due, and tries again after 1 s, 2 s, ... 30 s if
//               nobody answers. What happens meanwhile is told in its newest state, so that an
//               Alertmanager that comes back hears of all that goes on, and of every end.
// Concurrency:  thread-safe; Apply never waits for the network.
// Limitations:  ends that were not told before the daemon stops are not told after it: Alertmanager
//               takes such an alert for resolved after four times `resend`.
class AlertPoster {
 public:
  explicit AlertPoster(const AlertmanagerSettings& settings);
  ~AlertPoster();

  // An incident that is there at the start, or a change of one.
  void Apply(const v1::Incident& incident);
  void Apply(const IncidentChange& change);
  // `reports_url`: where people reach the reports; empty: nowhere.
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
  HttpPost post_;
  std::thread thread_;
};

}  // namespace faultline
