#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "detectors/summary/summary.h"

namespace faultline {

// A closed pane of one signal, with the span of event time it covers.
struct TimedPane {
  int64_t first_ns = 0;
  int64_t last_ns = 0;
  Summary summary;
};

struct ChangeInterval {
  int64_t time_ns = 0;        // where the first changed pane begins
  int64_t earliest_ns = 0;    // where the interval begins
  int64_t latest_ns = 0;      // where it ends
  bool may_be_older = false;  // the change may precede the oldest pane
};

// Estimates when the cell shares of a signal changed, from panes in order of time: the posterior of
// a single change between panes, before which panes follow the distribution of the reference rows.
// Prior of the shares before: Dirichlet with half a row per cell; after: an even mixture of
// Dirichlets around them with weights of 8, 64, 512 and 4096 rows. The model includes the sampling
// error of the reference: with its shares taken as the truth, every further pane would look changed
// and the estimate would be too early. `dispersion`: rows per independent row, at least 1; it
// flattens the posterior.
//
// time_ns is the most likely boundary. The interval is the 95 % credible set, and also the pane
// before it, because a change may lie inside a pane. Its coverage is at least 95 % for abrupt
// changes that raised an alarm, and lower for slow ones (change_time_test.cc). nullopt if "no
// change" is more likely than every boundary. Pure; O(panes x cells).
std::optional<ChangeInterval> EstimateChange(const Summary& reference,
                                             std::span<const TimedPane> panes, double dispersion);

}  // namespace faultline
