#pragma once

#include <cstdint>
#include <optional>

#include "daemon/client/tables/table_reader.h"

namespace faultline::cli {

// When the next batch may go: at a number of rows per second, at a multiple of the speed at which
// the event times went by, or at once. A sender that fell behind does not catch up in a burst by
// more than a second.
class Pace {
 public:
  // 0: not bounded by it.
  Pace(double rows_per_second, double speed) : rate_(rows_per_second), speed_(speed) {}

  // Batches short enough that rows do not wait for each other for more than about 100 ms.
  BatchLimits Limit(BatchLimits limits) const;
  // How long to wait before this batch is sent; called once per batch, in order.
  int64_t WaitNs(const v1::InferenceBatch& batch, int64_t steady_now_ns);

 private:
  const double rate_;
  const double speed_;
  std::optional<int64_t> start_ns_;  // on the steady clock
  int64_t first_event_ns_ = 0;
  double rows_ = 0;
};

}  // namespace faultline::cli
