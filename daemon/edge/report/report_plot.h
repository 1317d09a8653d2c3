#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/edge/report/signal_view.h"
#include "faultline/v1/evidence.pb.h"
#include "faultline/v1/incident.pb.h"

namespace faultline {

// Plots of a report, as SVG that takes its colours from the page's style sheet, and as HTML bars.
//
// Concurrency:  pure.

// Histograms of numbers on one axis, the reference filled, the window as a line. `view.bins` must
// not be empty.
std::string HistogramSvg(const SignalView& view);

// A pair of bars each, in their order.
std::string BarsHtml(const std::vector<ShareCell>& cells);

// The scores of one detector over time against its threshold, with alarms highlighted. `change`:
// when the change began, as a band. Empty if fewer than two points have a score.
std::string VerdictsSvg(const v1::VerdictSeries& series, const v1::TimeEstimate& change);

// A bar for each alert from its start to its end, over event time; bars of active alerts end at
// `end_ns`.
std::string AlertLanesSvg(const v1::Incident& incident, int64_t end_ns);

// "41.25", "1.2e+06".
std::string NumberText(double value);

}  // namespace faultline
