#pragma once

#include <cstdint>
#include <span>

#include "detectors/evidence/reference_law.h"
#include "detectors/summary/summary.h"

namespace faultline {

// How much more than independent ones consecutive values vary: b * variance of the means of blocks
// of b values / variance of a value, for b = 32, 64, 128, ... as long as there are 16 blocks. Each
// is taken for 1 unless it is above 1 by 2.5 of its standard errors, and else enlarged by one; the
// result is the largest, at least 1. 1 for fewer than 16 blocks.
double DispersionOfMeans(std::span<const double> values);

// The same for shares of rows in cells, by Pearson's statistic of each block over its degrees of
// freedom: sets cell_, missing_ and invalid_dispersion.
void LearnCellDispersions(const Summary& reference, std::span<const double> values,
                          const uint64_t* nulls, ReferenceLaw* law);
void LearnCellDispersions(const Summary& reference, std::span<const uint32_t> codes,
                          const CategoryMap& map, const uint64_t* nulls, ReferenceLaw* law);

}  // namespace faultline
