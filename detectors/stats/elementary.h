#pragma once

#include <span>

namespace faultline {

// Elementary functions with the same bits on every machine; the C library selects implementations
// by processor. All within 2 units in the last place unless stated otherwise.

// Natural logarithm. NaN below 0, -infinity at 0.
double Log(double x);

// e^x. 0 or infinity where the result does not fit a normal number.
double Exp(double x);

// x <- e^x for many values, with the same bits as Exp; values are clamped to -700..700. No NaN.
void ExpAll(std::span<double> x);

// Sine and cosine of x radians, to 4e-16 while |x| is at most 1e6. NaN beyond 1e9.
struct SineAndCosine {
  double sine;
  double cosine;
};
SineAndCosine SinCos(double x);

// ln of the gamma function, x > 0; to 2e-14 relative or absolute, whichever is larger.
double LogGamma(double x);

// Regularised upper incomplete gamma function Q(a, x), a > 0, x >= 0: the p-value of chi-square
// with 2a degrees of freedom at 2x. To 1e-12 for a up to 1000.
double GammaQ(double a, double x);

// P(Z > x) of the normal distribution, mean 0, deviation 1. To 1e-13 relative while normal.
double NormalQ(double x);

// P(K > x) of the Kolmogorov distribution, the limit distribution of sqrt(n) D. 1 for x <= 0.
double KolmogorovQ(double x);

// Mean of the chi distribution: of the root of a chi-square with `freedom` >= 0 degrees.
double ChiMean(double freedom);

}  // namespace faultline
