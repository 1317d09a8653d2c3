#pragma once

#include <absl/status/status.h>

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/core/contract/effects.h"
#include "daemon/runtime/pipeline_reading.h"

namespace faultline {

// The committed state that readers see: snapshots of all models and the totals of the last commit.
//
// Concurrency:  thread-safe. Written by the committer, after each commit, all at once.
class Board {
 public:
  using Publication = Effects::Publication;

  // Replaces the snapshots that changed, and everything but snapshots.
  void Publish(std::vector<Publication> publications, PipelineReading reading);
  void SetStoreStatus(absl::Status status);
  // Waits for the first Publish or a refused commit: before, readers would see an empty daemon.
  void WaitForFirst() const;
  absl::Status store_status() const;

  PipelineReading Read() const;
  PipelineReading ReadWithoutModels() const;
  std::shared_ptr<const ModelSnapshot> ReadModel(std::string_view name,
                                                 std::string_view version) const;

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable first_;
  bool published_ = false;
  PipelineReading reading_;
  std::map<std::pair<std::string, std::string>, std::shared_ptr<const ModelSnapshot>> models_;
};

}  // namespace faultline
