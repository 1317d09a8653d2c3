#pragma once

#include <string>
#include <vector>

#include "detectors/summary/summary.h"
#include "faultline/v1/evidence.pb.h"

namespace faultline {

// A summary for people: all its bins with their counts, moments, quantiles, and the most frequent
// unseen categories. Labels are those of MakeEvidence; categories are cleaned and truncated.
// Quantiles come from the sketch if there is one, else they are interpolated within bins, between
// the least and the largest value. Pure.
v1::Distribution MakeDistribution(const Summary& summary);

// The bins that differ most between two distributions of one shape, at most 16, by their part of
// the population stability index, with half a row added to every bin that either side uses.
std::vector<v1::BinContribution> Contributions(const v1::Distribution& reference,
                                               const v1::Distribution& window);

}  // namespace faultline
