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
  bool may_be_older = false;  // than the panes: the first ones cannot be left out
};

// When the cells of a signal began to be unlike what they were, from panes in order of time: the
// posterior of a single change of their shares between panes, before which the panes are like the
// reference's rows. Shares before are unknown (Dirichlet, half a row a cell); those after are near
// them or far (an even mixture of Dirichlets around them that weigh 8, 64, 512 and 4096 rows). The
// reference's sampling error is inside it: with its shares taken for the truth, every further pane
// seems changed, and the estimate too early. `dispersion`: rows per independent row, at least 1;
// the posterior is flattened by it.
//
// time_ns is the likeliest place; the interval holds the likeliest places that make up 95 %, and as
// rows that change inside a pane cannot be told, also the pane before the first. It covers at least
// that of abrupt changes that raised an alarm, and less of slow ones (change_time_test.cc). nullopt
// if no place is likelier than none. Pure; O(panes x cells).
std::optional<ChangeInterval> EstimateChange(const Summary& reference,
                                             std::span<const TimedPane> panes, double dispersion);

}  // namespace faultline
