#pragma once

#include <absl/status/status.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "daemon/core/contract/snapshot.h"
#include "daemon/runtime/row_totals.h"

namespace faultline {

// Commits by duration, from the checkpoint to the store's answer.
struct CommitTimes {
  static constexpr std::array<double, 11> kBounds = {0.0001, 0.00025, 0.001, 0.0025, 0.01, 0.025,
                                                     0.1,    0.25,    1,     2.5,    10};
  // counts[i]: commits above kBounds[i - 1] and up to kBounds[i] seconds; the last: above all.
  std::array<uint64_t, kBounds.size() + 1> counts{};
  double sum = 0;

  void Count(double seconds) {
    size_t i = 0;
    while (i < kBounds.size() && seconds > kBounds[i]) ++i;
    ++counts[i];
    sum += seconds;
  }
};

// What readers see of the pipeline: totals and snapshots as of the last commit.
struct PipelineReading {
  RowTotals rows;
  std::vector<std::shared_ptr<const ModelSnapshot>> models;  // by name and version
  uint64_t queue_bytes = 0;
  uint64_t queue_bytes_max = 0;
  uint64_t commits = 0;
  uint64_t commit_bytes = 0;
  uint64_t commit_failures = 0;
  double commit_seconds_last = 0;
  CommitTimes commit_times;
  int64_t commit_time_ns = 0;      // wall clock at the last commit
  int64_t commit_interval_ns = 0;  // in force at the last commit
  uint64_t producers = 0;
  uint64_t state_bytes = 0;
  uint64_t compaction_debt_bytes = 0;
  uint64_t core_bytes = 0;        // memory of the shards, estimated
  uint64_t memory_bytes_max = 0;  // of the process; 0: no ceiling
  absl::Status store_status;      // not OK: nothing is acknowledged
};

}  // namespace faultline
