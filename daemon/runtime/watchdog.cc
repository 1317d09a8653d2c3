#include "daemon/runtime/watchdog.h"

#include <absl/strings/str_cat.h>

#include <chrono>
#include <string>
#include <utility>

#include "base/check.h"
#include "daemon/log/log.h"

namespace faultline {
namespace {

constexpr std::chrono::seconds kPeriod{1};

}  // namespace

Watchdog::Watchdog(Ask ask) : ask_(std::move(ask)) {}

Watchdog::~Watchdog() { Stop(); }

void Watchdog::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Watchdog::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Watchdog::Run() {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, kPeriod, [this] { return stopping_; })) {
    lock.unlock();
    Look();
    lock.lock();
  }
}

void Watchdog::Look() {
  const std::vector<WorkProgress> now = ask_();
  watched_.resize(now.size());
  absl::Status found;
  for (size_t i = 0; i < now.size(); ++i) {
    Watched& watched = watched_[i];
    const bool moves = !now[i].waiting || now[i].done != watched.done;
    watched.looks = moves ? 0 : watched.looks + 1;
    watched.done = now[i].done;
    FAULTLINE_CHECK(watched.looks < kDeadLooks, "a shard has stalled");
    if (watched.looks >= kSickLooks) {
      found = absl::UnavailableError(absl::StrCat("shard ", i, " stands still with work to do"));
    }
  }
  std::lock_guard lock(mutex_);
  if (found.ok() != health_.ok()) {
    Log(found.ok() ? LogLevel::kInfo : LogLevel::kError,
        found.ok() ? "work goes on again" : std::string(found.message()));
  }
  health_ = std::move(found);
}

absl::Status Watchdog::health() const {
  std::lock_guard lock(mutex_);
  return health_;
}

}  // namespace faultline
