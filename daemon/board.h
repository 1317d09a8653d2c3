#pragma once

#include <absl/status/status.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/pipeline.h"

namespace faultline {

// What readers see: the committed snapshots of all models and the totals of the last commit.
//
// Concurrency:  thread-safe. Written by the committer, after each commit, all at once.
class Board {
 public:
  using Publication = Effects::Publication;

  // Replaces what changed; `reading` is everything but models.
  void Publish(std::vector<Publication> publications, PipelineReading reading);
  void SetStoreStatus(absl::Status status);
  absl::Status store_status() const;

  PipelineReading Read() const;
  PipelineReading ReadWithoutModels() const;
  std::shared_ptr<const ModelSnapshot> ReadModel(std::string_view name,
                                                 std::string_view version) const;

 private:
  mutable std::mutex mutex_;
  PipelineReading reading_;
  std::map<std::pair<std::string, std::string>, std::shared_ptr<const ModelSnapshot>> models_;
};

}  // namespace faultline
