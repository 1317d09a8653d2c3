#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "faultline/v1/incident.pb.h"
#include "faultline/v1/incident_service.grpc.pb.h"

namespace faultline::cli {

// Watches the incidents of one model in the background and keeps the last state of each, from the
// first message on. A broken watch resumes where it was.
//
// Concurrency:  thread-safe.
// Limitations:  keeps every incident that changes; for as many as a demo has.
class IncidentWatch {
 public:
  // Called for every change, one at a time, on the watch's thread.
  using Listener = std::function<void(const v1::WatchIncidentsResponse&)>;

  IncidentWatch(std::shared_ptr<grpc::Channel> channel, std::string model, Listener listener);
  ~IncidentWatch();

  // Incidents in the order of their first change, in their latest state.
  std::vector<v1::Incident> Incidents() const;
  // Waits until `enough` of the incidents; false after the deadline, or at Cancel.
  bool WaitUntil(const std::function<bool(const std::vector<v1::Incident>&)>& enough,
                 std::chrono::milliseconds deadline);
  // Ends the watch and every wait.
  void Cancel();

 private:
  void Run();
  bool Follow(std::string* resume_token);

  const std::shared_ptr<grpc::Channel> channel_;
  const std::string model_;
  const Listener listener_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> order_;
  std::map<std::string, v1::Incident> by_id_;
  grpc::ClientContext* context_ = nullptr;
  bool cancelled_ = false;
  std::thread thread_;
};

}  // namespace faultline::cli
