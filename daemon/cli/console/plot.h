#pragma once

#include <span>
#include <string>

#include "daemon/cli/console/console.h"
#include "daemon/edge/report/signal_view.h"

namespace faultline::cli {

// Small plots in block characters.
//
// Concurrency:  pure.

// One character per value, ▁ to █ by its share of `most`; a space for 0. Values above `most` and
// below 0 are taken as those.
std::string Blocks(std::span<const double> values, double most);

// A bar of `share` (0 to 1) of `width` characters, in eighths, without padding.
std::string Bar(double share, size_t width);

// Reference against window. For numbers two histograms of blocks on the same axis, each as high as
// its own highest column, whose share stands behind it; what lies outside of the reference's range,
// and what is missing, as bars. For categories a pair of bars each, the most changed first.
std::string PlotSignal(const SignalView& view, const Style& style);

}  // namespace faultline::cli
