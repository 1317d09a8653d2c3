#pragma once

#include <cstdint>
#include <span>

#include "detectors/evidence/reference_law.h"
#include "detectors/summary/summary.h"

namespace faultline {

// Variation of consecutive values relative to independent ones: b * variance of the means of blocks
// of b values / variance of a value, for b = 32, 64, 128, ... while there are at least 16 blocks. A
// ratio counts as 1 unless it exceeds 1 by 2.5 of its standard errors; then one standard error is
// added. The result is the largest ratio, at least 1; with fewer than 16 blocks it is 1.
double DispersionOfMeans(std::span<const double> values);

// The same for shares of rows in cells, by Pearson's statistic of each block over its degrees of
// freedom. Sets cell_dispersion, missing_dispersion and invalid_dispersion.
void LearnCellDispersions(const Summary& reference, std::span<const double> values,
                          const uint64_t* nulls, ReferenceLaw* law);
void LearnCellDispersions(const Summary& reference, std::span<const uint32_t> codes,
                          const CategoryMap& map, const uint64_t* nulls, ReferenceLaw* law);

}  // namespace faultline
