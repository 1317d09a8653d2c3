#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "daemon/runtime/pipeline.h"

namespace faultline {

// The current settings for ingesting events.
struct IntakeLimits {
  uint64_t message_bytes_max = 4ull << 20;
  uint64_t queue_bytes_max = 64ull << 20;
  bool commit_sync = false;
  int64_t commit_interval_ns = 100'000'000;
};

// The part of the pipeline that the sources of events use; see Pipeline for what each call means.
//
// Concurrency:  thread-safe.
class Intake {
 public:
  virtual ~Intake() = default;
  virtual absl::StatusOr<uint64_t> Greet(const std::string& producer_id, uint64_t epoch) = 0;
  virtual Admission Submit(std::unique_ptr<EventBatch>* batch, const BatchName& name,
                           Pipeline::BatchDone done, uint64_t* expected) = 0;
  virtual void WhenSpace(std::function<void()> callback) = 0;
  virtual void CountRejected(v1::RejectReason reason, uint64_t rows) = 0;
  virtual void CountShed(uint64_t rows) = 0;
  virtual absl::Status ready() const = 0;
  virtual IntakeLimits limits() const = 0;
};

// `pipeline` must outlive it.
std::unique_ptr<Intake> MakeIntake(Pipeline* pipeline);

}  // namespace faultline
