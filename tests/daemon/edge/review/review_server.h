#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/server.h>

#include <memory>
#include <string>
#include <vector>

#include "daemon/edge/review/services.h"
#include "daemon/edge/review/watch_hub.h"
#include "daemon/runtime/pipeline.h"
#include "faultline/v1/incident.pb.h"
#include "storage/store.h"

namespace faultline::testing {

// The review services behind a real gRPC server on a free port of loopback, over a store in memory
// and a real pipeline. If the pipeline is not started, the store belongs to the test alone.
class ReviewServer {
 public:
  enum class Core { kRunning, kAsleep };

  explicit ReviewServer(Core core, review::WatchLimits limits = {});
  // Over what a store holds already, with settings of the test's own.
  ReviewServer(std::shared_ptr<const Settings> settings, std::unique_ptr<Store> store);
  ~ReviewServer();

  std::shared_ptr<grpc::Channel> channel() const { return channel_; }
  const std::string& address() const { return address_; }
  Store* store() { return store_.get(); }
  Pipeline* pipeline() { return pipeline_.get(); }
  review::WatchHub* watch_hub() { return watch_hub_.get(); }
  // Sends rows of a model with one column "income", and waits until they are committed.
  void Feed(const std::string& model, uint32_t rows, double shift = 0);

  // Stores an incident as the committer would, with its change, and publishes it.
  void Put(uint64_t id, const v1::Incident& incident, const std::string& change);
  uint64_t changes() const { return changes_; }
  // Who asked for the last reload.
  const Principal& reloaded_by() const { return reloaded_by_; }
  // Forgets the changes up to a sequence.
  void ForgetChanges(uint64_t up_to);

 private:
  ReviewServer(Core core, review::WatchLimits limits, std::shared_ptr<const Settings> settings,
               std::unique_ptr<Store> store);

  std::unique_ptr<Store> store_;
  std::unique_ptr<review::WatchHub> watch_hub_;
  std::unique_ptr<Pipeline> pipeline_;
  std::vector<std::unique_ptr<grpc::Service>> services_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
  std::shared_ptr<grpc::Channel> channel_;
  uint64_t changes_ = 0;
  Principal reloaded_by_;
};

// An incident with everything in it.
v1::Incident MakeIncident(uint64_t id, const std::string& model, v1::IncidentState state);

}  // namespace faultline::testing
