#pragma once

#include <cstdint>
#include <span>

#include "detectors/stats/samples.h"

namespace faultline {

// Distributions of the Kolmogorov-Smirnov distances of n independent values from their own
// continuous distribution, at finite n, equal to scipy 1.17. Distances are 0 to 1. n = 0 or a NaN
// gives NaN.

// P(D+ >= d): the one-sided distance (Birnbaum, Tingey 1951). To 1e-12 relative; O(n) time.
// scipy.special.smirnov.
double SmirnovQ(uint64_t n, double d);

// P(D >= d): the two-sided distance, chosen by size as Simard and L'Ecuyer (2011) do: exact
// (Durbin's matrix, twice the one-sided probability where both sides at once are impossible), else
// Pelz and Good's series (1976). To 1e-12 of 1. scipy.stats.kstwo.sf. Allocates its matrices.
double KolmogorovSmirnovQ(uint64_t n, double d);

// Distance of two ascending samples and its p-value as scipy.stats.ks_2samp says by default: exact
// while neither has more than 10 000 values, otherwise the distribution for round(n m / (n + m))
// values.
TestResult KolmogorovSmirnovTest(std::span<const double> p, std::span<const double> q);

}  // namespace faultline
