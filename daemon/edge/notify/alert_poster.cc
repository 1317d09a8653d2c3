#include "daemon/edge/notify/alert_poster.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/clean_text.h"
#include "base/clock.h"
#include "daemon/log/log.h"
#include "storage/tables/incident_id.h"

namespace faultline {
namespace {

constexpr int64_t kPauseMinNs = 1'000'000'000;
constexpr int64_t kPauseMaxNs = 30'000'000'000;
constexpr size_t kShownBytesMax = 200;

}  // namespace

AlertPoster::AlertPoster(const AlertmanagerSettings& settings)
    : alerts_({settings.resend_ns, settings.labels, ""}), client_(settings.url) {}

AlertPoster::~AlertPoster() { Stop(); }

void AlertPoster::Apply(const v1::Incident& incident) {
  const std::lock_guard lock(mutex_);
  if (!alerts_.Apply(incident, SteadyNowNs(), WallNowNs())) ++reading_.alerts_dropped;
  changed_.notify_one();
}

void AlertPoster::Apply(const IncidentChange& change) {
  if (!change.removed) return Apply(change.incident);
  const std::lock_guard lock(mutex_);
  alerts_.Remove(FormatIncidentId(change.id), SteadyNowNs(), WallNowNs());
  changed_.notify_one();
}

void AlertPoster::Start(const std::string& reports_url) {
  alerts_.set_reports_url(reports_url);
  thread_ = std::thread([this] { Run(); });
}

void AlertPoster::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  client_.Cancel();
  if (thread_.joinable()) thread_.join();
}

AlertPosterReading AlertPoster::Read() const {
  const std::lock_guard lock(mutex_);
  AlertPosterReading reading = reading_;
  reading.alerts = alerts_.size();
  return reading;
}

void AlertPoster::Run() {
  constexpr int64_t kHourNs = 3'600'000'000'000;
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const int64_t now_ns = SteadyNowNs();
    const int64_t due_ns = std::max(alerts_.DueNs(), again_ns_);
    if (due_ns > now_ns) {
      changed_.wait_for(lock, std::chrono::nanoseconds(std::min(due_ns - now_ns, kHourNs)));
      continue;
    }
    const PostedAlerts::Batch batch = alerts_.Take(now_ns, WallNowNs());
    if (!batch.alerts.empty()) Post(batch, &lock);
  }
}

void AlertPoster::Post(const PostedAlerts::Batch& batch, std::unique_lock<std::mutex>* lock) {
  lock->unlock();
  const absl::StatusOr<HttpClient::Answer> answer = client_.Post("/api/v2/alerts", batch.body);
  lock->lock();
  if (stopping_) return;
  ++reading_.posts;
  const bool refused = answer.ok() && answer->code >= 400 && answer->code < 500;
  const bool taken = answer.ok() && answer->code >= 200 && answer->code < 300;
  if (taken || refused) {
    alerts_.Taken(batch, SteadyNowNs());
    (taken ? reading_.alerts_taken : reading_.alerts_refused) += batch.alerts.size();
    if (taken) reading_.taken_ns = WallNowNs();
    if (refused) {
      Log(LogLevel::kError, "Alertmanager refused alerts",
          {{"code", answer->code}, {"answer", CleanText(answer->body, kShownBytesMax)}});
    }
    if (!reading_.up) Log(LogLevel::kInfo, "Alertmanager answers again");
    reading_.up = true;
    pause_ns_ = 0;
    return;
  }
  ++reading_.posts_failed;
  if (reading_.up) {
    Log(LogLevel::kWarn, "cannot post alerts to Alertmanager; retrying",
        {{"error", answer.ok() ? absl::StrCat("it answered ", answer->code)
                               : std::string(answer.status().message())}});
  }
  reading_.up = false;
  pause_ns_ = std::clamp(2 * pause_ns_, kPauseMinNs, kPauseMaxNs);
  again_ns_ = SteadyNowNs() + pause_ns_;
}

}  // namespace faultline
