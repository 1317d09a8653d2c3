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

struct ChangeTime {
  int64_t time_ns = 0;      // where the first changed pane begins
  int64_t earliest_ns = 0;  // where the interval begins
  int64_t latest_ns = 0;    // where it ends
};

// When the cells of a signal began to be unlike the reference's, from panes in order of time: the
// place where the likelihood ratio of all cells after it, against the reference's shares (both with
// half a row added per cell), is largest; the interval holds the places whose log likelihood ratio
// is less than 2 below (Hinkley 1970; a change of rows inside a pane cannot be told, so it begins
// with a pane). With many cells it covers less than the 95 % that this would mean for one
// parameter: how much less is not known, so nobody is told a coverage. nullopt if no place is
// likelier than none. Pure; O(panes x cells).
std::optional<ChangeTime> EstimateChange(const Summary& reference,
                                         std::span<const TimedPane> panes);

}  // namespace faultline
