#pragma once

#include <string>

#include "faultline/v1/evidence.pb.h"

namespace faultline {

// Figures of the reference and of the windows of a signal, one column each, as HTML; empty if there
// are none. Pure.
std::string FiguresHtml(const v1::ContributingSignal& signal);

// "41.25"; "below 0" or "above 120" where a quantile lies beyond the reference's range and no
// sketch says where: only how many values are there is known. A dash if the quantile is not there.
// Pure.
std::string QuantileText(const v1::Distribution& distribution, double probability);

}  // namespace faultline
