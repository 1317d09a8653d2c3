#pragma once

#include <cstdint>
#include <span>

namespace faultline {

// Distances between two samples counted into the same cells. Spans have equal length; a sample
// without rows gives NaN. Symmetric unless stated otherwise.

// Rows of all cells.
uint64_t Total(std::span<const uint64_t> cells);

// Number of cells with rows on either side (used cells). The others do not count below.
uint32_t UsedCells(std::span<const uint64_t> p, std::span<const uint64_t> q);

// Population stability index: sum of (q - p) ln(q / p) over used cells, where half a row is added
// to every used cell of both sides so that an empty one is not infinite. >= 0.
double Psi(std::span<const uint64_t> p, std::span<const uint64_t> q);

// Square root of the Jensen-Shannon divergence in base 2, 0 to 1.
double JensenShannonDistance(std::span<const uint64_t> p, std::span<const uint64_t> q);

// Half the sum of |p - q|, 0 to 1: the least share of rows that differ.
double TotalVariation(std::span<const uint64_t> p, std::span<const uint64_t> q);

// Hellinger distance: root of 1 - sum of sqrt(p q), 0 to 1.
double Hellinger(std::span<const uint64_t> p, std::span<const uint64_t> q);

// Kullback-Leibler divergence of p from q, sum of p ln(p / q) over used cells, with half a row
// added as for Psi. Not symmetric. >= 0.
double KullbackLeibler(std::span<const uint64_t> p, std::span<const uint64_t> q);

// Largest difference of the shares of a cell, 0 to 1.
double LInfinity(std::span<const uint64_t> p, std::span<const uint64_t> q);

// Largest difference between the distribution functions after any cell; cells in ascending order.
double KolmogorovSmirnov(std::span<const uint64_t> p, std::span<const uint64_t> q);

// Its asymptotic two-sided p-value. For a statistic over cells it is too large, never too small.
double KolmogorovSmirnovPValue(double statistic, uint64_t n, uint64_t m);

// Area between the distribution functions from the first to the last boundary, in units of scale >
// 0. Cells are "below the first boundary", one between each two boundaries, and "above the last":
// boundaries + 1 of them. Values are assumed to be spread evenly within a cell.
double WassersteinOnBins(std::span<const double> boundaries, double scale,
                         std::span<const uint64_t> p, std::span<const uint64_t> q);

// Pearson's test of the 2 x cells table.
struct ChiSquareResult {
  double statistic;
  double freedom;    // used cells minus one
  double p_value;    // 1 with fewer than two used cells
  double cramers_v;  // 0 to 1
};
ChiSquareResult ChiSquare(std::span<const uint64_t> p, std::span<const uint64_t> q);

// Mean of each score if both samples have the same distribution ("noise floor"), for n and m
// independent rows in `cells` used cells. Asymptotic: accurate once most cells expect a few rows.
double PsiNoise(uint32_t cells, uint64_t n, uint64_t m);
double JensenShannonNoise(uint32_t cells, uint64_t n, uint64_t m);
double KolmogorovSmirnovNoise(uint64_t n, uint64_t m);
double WassersteinNoise(std::span<const double> boundaries, double scale,
                        std::span<const uint64_t> p, uint64_t n, uint64_t m);
double CramersVNoise(uint32_t cells, uint64_t n, uint64_t m);
// Mean of max(0, difference of two shares), where `share` is the true one.
double ShareNoise(double share, uint64_t n, uint64_t m);

}  // namespace faultline
