#pragma once

#include <cstdint>
#include <span>

#include "detectors/stats/samples.h"

namespace faultline {

// Scores on counts, with the conventions of scipy 1.17 and statsmodels 0.15. Spans of equal length.

// Sum of (observed - expected)^2 / expected and its p-value with cells - 1 degrees of freedom.
// scipy.stats.chisquare. Sums that differ by more than 1e-8 give NaN (scipy raises an error).
TestResult ChiSquareFit(std::span<const double> observed, std::span<const double> expected);

// 2 sum of observed ln(observed / expected), likewise.
// scipy.stats.power_divergence(lambda_="log-likelihood").
TestResult GFit(std::span<const double> observed, std::span<const double> expected);

// Pearson's test of the 2 x cells table; cells without rows are ignored. With `correction`, a 2 x 2
// table gets Yates's correction, as by default in scipy.stats.chi2_contingency.
TestResult ChiSquareTable(std::span<const uint64_t> p, std::span<const uint64_t> q,
                          bool correction);
// The same with lambda_="log-likelihood".
TestResult GTable(std::span<const uint64_t> p, std::span<const uint64_t> q, bool correction);

// Fisher's exact test of a 2 x 2 table [[a, b], [c, d]], two-sided: over all tables at most as
// probable. The statistic is the sample odds ratio. scipy.stats.fisher_exact.
TestResult FisherExact(uint64_t a, uint64_t b, uint64_t c, uint64_t d);

// z of the difference of two shares, pooled, and its two-sided p-value.
// statsmodels.stats.proportion.proportions_ztest.
TestResult ProportionsZ(uint64_t hits_p, uint64_t p, uint64_t hits_q, uint64_t q);

}  // namespace faultline
