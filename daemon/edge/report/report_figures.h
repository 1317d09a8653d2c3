#pragma once

#include <string>

#include "faultline/v1/evidence.pb.h"

namespace faultline {

// Figures of the reference and of the windows of a signal, one column each, as HTML; empty without
// figures. Pure.
std::string FiguresHtml(const v1::ContributingSignal& signal);

// "41.25"; "below 0" or "above 120" where a quantile lies beyond the reference's range and no
// sketch says where: then only the number of values there is known. A dash without a quantile.
// Pure.
std::string QuantileText(const v1::Distribution& distribution, double probability);

}  // namespace faultline
