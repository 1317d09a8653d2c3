#pragma once

#include <absl/status/statusor.h>
#include <grpcpp/impl/codegen/service_type.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "daemon/edge/review/watch_hub.h"
#include "daemon/runtime/pipeline.h"
#include "storage/segments/recorder.h"
#include "storage/store.h"

namespace faultline::review {

// What the services need. Everything pointed to must outlive them.
struct ReviewParts {
  Pipeline* pipeline = nullptr;
  Store* store = nullptr;
  Recorder* recorder = nullptr;  // null: recording is off
  // The pipeline's incident listener calls its Publish; its Shutdown must come before the server's,
  // so that watches end.
  WatchHub* watch_hub = nullptr;
  std::string daemon_version;
  int64_t start_ns = 0;  // wall clock at the start of the daemon
  // Reloads the configuration for the caller; returns the names of the fields that need a restart.
  std::function<absl::StatusOr<std::vector<std::string>>(const Principal& by)> reload;
};

// ModelService, ReferenceService, IncidentService and AdminService; their protos are the contract.
//
// Operation:    synchronous: a call keeps a thread of gRPC until the commit that answers it, so
//               scans of the store never hold up the threads that ingest.
// Concurrency:  thread-safe. Backup, digest, erasure and imports run one at a time each; the
//               second is answered with RESOURCE_EXHAUSTED.
std::vector<std::unique_ptr<grpc::Service>> MakeReviewServices(const ReviewParts& parts);

// One each, in the source file of its name.
std::unique_ptr<grpc::Service> MakeModelService(const ReviewParts& parts);
std::unique_ptr<grpc::Service> MakeReferenceService(const ReviewParts& parts);
std::unique_ptr<grpc::Service> MakeIncidentService(const ReviewParts& parts);
std::unique_ptr<grpc::Service> MakeAdminService(const ReviewParts& parts);

}  // namespace faultline::review
