#pragma once

#include <cstdint>
#include <span>

namespace faultline {

// Two-sample scores on raw values, with the conventions and results of scipy 1.17. Samples are
// ascending and finite. An empty side gives NaN. All but the Wasserstein and energy distances are
// invariant to increasing transformations.

struct TestResult {
  double statistic;
  double p_value;
};

// Largest difference of the two distribution functions, 0 to 1, as steps of 1 / (n m): exact with
// ties too. scipy.stats.ks_2samp.
uint64_t KolmogorovSmirnovSteps(std::span<const double> p, std::span<const double> q);

// P(D >= steps / (n m)) for two samples of one continuous distribution, exactly: the share of
// lattice paths that leave the band (Hodges 1957). With ties it is too large, never too small. O(n
// m) time and O(m) memory.
double KolmogorovSmirnovExactPValue(uint64_t steps, uint64_t n, uint64_t m);

// The least number of steps whose exact p-value is at most `level`; n m + 1 if there is none.
uint64_t KolmogorovSmirnovCriticalSteps(double level, uint64_t n, uint64_t m);

// T of Anderson (1962) with midranks; p-value exact if both have at most 20 values, otherwise from
// the limit distribution. scipy.stats.cramervonmises_2samp. At least two values each.
TestResult CramerVonMises(std::span<const double> p, std::span<const double> q);

// Standardised statistic of Scholz and Stephens (1987), midranks; p-value interpolated in their
// table and so between 0.001 and 0.25. scipy.stats.anderson_ksamp. NaN if all values are equal.
TestResult AndersonDarling(std::span<const double> p, std::span<const double> q);

// U of the first sample; two-sided p-value, exact without ties if one side has at most 8 values,
// else normal with corrections for ties and continuity. scipy.stats.mannwhitneyu. U / (n m) is the
// probability that a value of the first is the larger one.
TestResult MannWhitney(std::span<const double> p, std::span<const double> q);

// Distance of the empirical characteristic functions at 0.4 and 0.8 over half the interquartile
// range of all values, in units of its covariance (Epps, Singleton 1986), with the correction for
// sides of fewer than 25; p-value from chi-square with 4 degrees of freedom, fewer if the
// covariance is singular. Sensitive to more than ranks are; allows ties.
// scipy.stats.epps_singleton_2samp. At least five values each; NaN if the interquartile range is 0,
// or if values lie further apart than 1e9 of them.
TestResult EppsSingleton(std::span<const double> p, std::span<const double> q);

// Area between the distribution functions, in the unit of the values.
// scipy.stats.wasserstein_distance.
double Wasserstein(std::span<const double> p, std::span<const double> q);

// Root of twice the area between them squared. scipy.stats.energy_distance.
double EnergyDistance(std::span<const double> p, std::span<const double> q);

// Its square times n m / (n + m), in the unit of the values: Szekely and Rizzo's E statistic (2004)
// in the scale of R's energy::eqdist.etest and of dcor.homogeneity.energy_test_statistic. Their
// energy distance is the square of scipy's.
double EnergyStatistic(std::span<const double> p, std::span<const double> q);

}  // namespace faultline
