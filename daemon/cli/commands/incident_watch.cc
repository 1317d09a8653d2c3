#include "daemon/cli/commands/incident_watch.h"

#include <utility>

#include "base/clock.h"

namespace faultline::cli {
namespace {

constexpr std::chrono::milliseconds kAgainAfter{200};

}  // namespace

IncidentWatch::IncidentWatch(std::shared_ptr<grpc::Channel> channel, std::string model,
                             Listener listener)
    : channel_(std::move(channel)), model_(std::move(model)), listener_(std::move(listener)) {
  thread_ = std::thread([this] { Run(); });
}

IncidentWatch::~IncidentWatch() {
  Cancel();
  thread_.join();
}

std::vector<v1::Incident> IncidentWatch::Incidents() const {
  std::lock_guard lock(mutex_);
  std::vector<v1::Incident> incidents;
  for (const std::string& id : order_) incidents.push_back(by_id_.at(id));
  return incidents;
}

bool IncidentWatch::WaitUntil(const std::function<bool(const std::vector<v1::Incident>&)>& enough,
                              std::chrono::milliseconds deadline) {
  const int64_t until_ns = SteadyNowNs() + std::chrono::nanoseconds(deadline).count();
  for (;;) {
    if (enough(Incidents())) return true;
    std::unique_lock lock(mutex_);
    if (cancelled_ || SteadyNowNs() >= until_ns) return false;
    // Changes between the check and the wait are seen at the next check.
    changed_.wait_for(lock, kAgainAfter);
  }
}

void IncidentWatch::Cancel() {
  {
    std::lock_guard lock(mutex_);
    cancelled_ = true;
    if (context_ != nullptr) context_->TryCancel();
  }
  changed_.notify_all();
}

void IncidentWatch::Run() {
  std::string resume_token;
  while (Follow(&resume_token)) {
    std::unique_lock lock(mutex_);
    if (changed_.wait_for(lock, kAgainAfter, [&] { return cancelled_; })) return;
  }
}

bool IncidentWatch::Follow(std::string* resume_token) {
  grpc::ClientContext context;
  {
    std::lock_guard lock(mutex_);
    if (cancelled_) return false;
    context_ = &context;
  }
  v1::WatchIncidentsRequest request;
  request.set_model(model_);
  request.set_resume_token(*resume_token);
  const auto stub = v1::IncidentService::NewStub(channel_);
  const auto reader = stub->WatchIncidents(&context, request);
  v1::WatchIncidentsResponse change;
  while (reader->Read(&change)) {
    if (!change.resume_token().empty()) *resume_token = change.resume_token();
    if (!change.has_incident()) continue;
    {
      std::lock_guard lock(mutex_);
      const std::string& id = change.incident().id();
      if (!by_id_.contains(id)) order_.push_back(id);
      by_id_[id] = change.incident();
    }
    listener_(change);
    changed_.notify_all();
  }
  const grpc::Status status = reader->Finish();
  std::lock_guard lock(mutex_);
  context_ = nullptr;
  if (status.error_code() == grpc::StatusCode::OUT_OF_RANGE) resume_token->clear();
  return !cancelled_;
}

}  // namespace faultline::cli
