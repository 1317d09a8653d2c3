#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "detectors/stats/samples.h"

namespace faultline {

// Scores as other tools compute them, on raw values: for backtests, raw windows and comparisons.
// Versions: Evidently 0.7.23, NannyML 0.13.1, numpy 2.4. Values are finite; an empty side gives
// NaN.

// numpy.histogram_bin_edges(values, rule). Empty where numpy fails: if the range of values
// overflows, or their third moment does.
enum class BinRule : uint8_t { kSturges, kDoane };
std::vector<double> HistogramBoundaries(std::span<const double> values, BinRule rule);
// numpy.histogram(values, edges): half-open bins, the last one closed; values outside are ignored.
std::vector<uint64_t> HistogramCounts(std::span<const double> values,
                                      std::span<const double> boundaries);

namespace evidently {

// With more than 20 distinct reference values, numbers are binned by Sturges's rule over both sides
// together; otherwise every value is a category. Categories may be given as numbers.
inline constexpr size_t kCategoriesMost = 20;

// Empty shares are replaced by 0.0001 (by a millionth of the least other one if that is at most
// 0.0001), on each side separately. Natural logarithm.
double Psi(std::span<const double> reference, std::span<const double> current);
double KullbackLeibler(std::span<const double> reference, std::span<const double> current);
// Natural logarithm, nothing replaced; the square root, to be a distance.
double JensenShannon(std::span<const double> reference, std::span<const double> current);
// Sturges's bins over the distinct values of both sides.
double Hellinger(std::span<const double> reference, std::span<const double> current);
double HellingerOfCategories(std::span<const double> reference, std::span<const double> current);
// Over max(deviation of the reference, 0.001).
double WassersteinNormed(std::span<const double> reference, std::span<const double> current);
// p-value against the reference's shares, taken as exact.
double ChiSquarePValue(std::span<const double> reference, std::span<const double> current);
// p-value of the share of the larger of two values, without continuity correction.
double ProportionsPValue(std::span<const double> reference, std::span<const double> current);

// The test that Evidently chooses by default for a column, by its name there, and its drift
// threshold.
struct DefaultRule {
  std::string_view name;  // "ks", "wasserstein", "chisquare", "z", "jensenshannon"
  double threshold;
  bool p_value;  // drift is below the threshold, else at or above it
};
DefaultRule RuleFor(bool categorical, uint64_t reference_rows, uint64_t reference_distinct);

}  // namespace evidently

namespace nannyml {

// Doane's bins of the reference, and one more bin for values outside. Base 2.
double JensenShannon(std::span<const double> reference, std::span<const double> chunk);
double JensenShannonOfCategories(std::span<const double> reference, std::span<const double> chunk);
double Hellinger(std::span<const double> reference, std::span<const double> chunk);
// Exact with fewer than 10 000 reference rows, otherwise on 10 000 equal bins of the reference
// range.
double KolmogorovSmirnov(std::span<const double> reference, std::span<const double> chunk);
double Wasserstein(std::span<const double> reference, std::span<const double> chunk);
// Largest difference of a category's share.
double LInfinity(std::span<const double> reference, std::span<const double> chunk);

// Its default limits: mean +- 3 standard deviations (divisor n) of the metric over the reference's
// chunks.
struct Limits {
  double lower;
  double upper;
};
Limits LimitsOf(std::span<const double> reference_metrics);

}  // namespace nannyml

namespace sagemaker {

// comparison_method Simple: largest difference of the distribution functions. Robust: that minus
// 1.8 sqrt(1/n + 1/m), at least 0, as in Deequ.
double Simple(std::span<const double> baseline, std::span<const double> current);
double Robust(std::span<const double> baseline, std::span<const double> current);

}  // namespace sagemaker

}  // namespace faultline
