#pragma once

#include <string>
#include <vector>

#include "detectors/summary/summary.h"
#include "faultline/v1/evidence.pb.h"

namespace faultline {

// A summary as people see it: all its bins with their counts, moments, quantiles, and the most
// frequent unseen categories. Labels are those of MakeEvidence; categories are cleaned and cut.
// Quantiles come from the sketch if there is one, else they are interpolated within bins, and end
// at the least and largest value. Pure.
v1::Distribution MakeDistribution(const Summary& summary);

// The bins of two distributions of one shape that differ most, most first, at most 16: by their
// part of the population stability index, with half a row added to every bin that either side uses.
std::vector<v1::BinContribution> Contributions(const v1::Distribution& reference,
                                               const v1::Distribution& window);

}  // namespace faultline
