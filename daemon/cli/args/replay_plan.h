#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>

#include "daemon/client/tables/table_reader.h"
#include "faultline/v1/event.pb.h"

namespace faultline::cli {

// Default producer id of a replay: equal if the same file (path, size, modification time) is read
// and split into batches in the same way, different otherwise. The daemon only knows how many
// batches a producer sent, so anything that changes a batch must change the id. Standard input has
// no identity: its id is new each time.
std::string ReplayProducerId(const TableOptions& table, const BatchLimits& limits,
                             uint64_t reference_rows);

// Number of lines of a file, decompressed: at least the number of its rows. NOT_FOUND or another
// code if it cannot be read.
absl::StatusOr<uint64_t> CountLines(const std::string& path);

// Generates event times for rows that have none, so that a history spreads over panes instead of
// falling into the pane of its arrival. They rise by the spacing and never pass `end_ns`.
class RowTimes {
 public:
  // For up to `rows` rows that end at `end_ns`. `newest_ns` (0: none) is the model's newest row:
  // the spacing shrinks so that all rows come after it and none is late.
  RowTimes(uint64_t rows, int64_t spacing_ns, int64_t end_ns, int64_t newest_ns);
  // Sets the times of the next batch.
  void Fill(v1::InferenceBatch* batch);
  double spacing_ns() const { return spacing_ns_; }

 private:
  const int64_t end_ns_;
  int64_t start_ns_;
  double spacing_ns_;
  uint64_t given_ = 0;
};

}  // namespace faultline::cli
