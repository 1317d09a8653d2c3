#include "detectors/stats/elementary.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>

#include "detectors/stats/exp_in_range.h"

namespace faultline {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
constexpr double kPi = 3.14159265358979323846;
constexpr double kRootHalf = 0.70710678118654752440;
constexpr double kHalfLnTwoPi = 0.91893853320467274178;

// 1 / 25, 1 / 23, ..., 1 / 3.
constexpr std::array<double, 12> kArtanh = {1.0 / 25, 1.0 / 23, 1.0 / 21, 1.0 / 19,
                                            1.0 / 17, 1.0 / 15, 1.0 / 13, 1.0 / 11,
                                            1.0 / 9,  1.0 / 7,  1.0 / 5,  1.0 / 3};

// Sum of the series, for x < a + 1.
double GammaPSeries(double a, double x) {
  double term = 1 / a;
  double sum = term;
  for (double n = a + 1; term > sum * kEpsilon / 8; n += 1) {
    term *= x / n;
    sum += term;
  }
  return sum;
}

// Lentz's continued fraction, for x >= a + 1.
double GammaQFraction(double a, double x) {
  double b = x + 1 - a;
  double c = kInfinity;
  double d = 1 / b;
  double h = d;
  for (int i = 1; i < 100'000; ++i) {
    const double numerator = -i * (i - a);
    b += 2;
    d = 1 / (numerator * d + b);
    c = b + numerator / c;
    const double factor = d * c;
    h *= factor;
    if (std::fabs(factor - 1) < kEpsilon) break;
  }
  return h;
}

}  // namespace

double Log(double x) {
  if (std::isnan(x) || x < 0) return kNan;
  if (x == 0) return -kInfinity;
  if (x == kInfinity) return x;
  int exponent = 0;
  double m = std::frexp(x, &exponent);
  if (m < kRootHalf) {
    m *= 2;
    --exponent;
  }
  // ln m = 2 artanh s, with |s| < 0.172.
  const double f = m - 1;
  const double s = f / (2 + f);
  const double z = s * s;
  double tail = 0;
  for (const double coefficient : kArtanh) tail = z * (tail + coefficient);
  const double e = exponent;
  // f - s * (f - 2 tail) is exact where 2 s (1 + tail) would round.
  return e * kLn2High + (f - (s * (f - 2 * tail) - e * kLn2Low));
}

double Exp(double x) {
  if (std::isnan(x)) return x;
  if (x > 709.7) return kInfinity;
  if (x < -708.3) return 0;
  // In two halves where 2^k alone would not be a normal number.
  if (x > kExpMax || x < kExpMin) {
    const double half = ExpInRange(x / 2);
    return half * half;
  }
  return ExpInRange(x);
}

SineAndCosine SinCos(double x) {
  if (!(std::fabs(x) <= 1e9)) return {kNan, kNan};
  // Subtract quarter turns in three parts of 33 bits, so that the first two subtractions are exact.
  constexpr std::array<double, 3> kQuarter = {0x1.921fb544p0, 0x1.0b4611a6p-34,
                                              0x1.3198a2e037073p-69};
  const double quarters = std::nearbyint(x * (2 / kPi));
  double r = x;
  for (const double part : kQuarter) r -= quarters * part;
  // Taylor series on the remaining eighth of a turn.
  const double square = r * r;
  double sine = 0;
  double cosine = 0;
  for (int k = 8; k >= 1; --k) {
    sine = (1 - sine) * square / (2 * k * (2 * k + 1));
    cosine = (1 - cosine) * square / ((2 * k - 1) * (2 * k));
  }
  sine = r - r * sine;
  cosine = 1 - cosine;
  switch (static_cast<int64_t>(quarters) & 3) {
    case 0:
      return {sine, cosine};
    case 1:
      return {cosine, -sine};
    case 2:
      return {-sine, -cosine};
    default:
      return {-cosine, sine};
  }
}

double LogGamma(double x) {
  double product = 1;
  while (x < 12) {
    product *= x;
    x += 1;
  }
  // Stirling's series; the first omitted term is below 1e-17.
  constexpr std::array<double, 7> kStirling = {1.0 / 12,   -1.0 / 360,      1.0 / 1260, -1.0 / 1680,
                                               1.0 / 1188, -691.0 / 360360, 1.0 / 156};
  const double inverse_square = 1 / (x * x);
  double series = 0;
  for (size_t i = kStirling.size(); i-- > 0;) series = series * inverse_square + kStirling[i];
  return (x - 0.5) * Log(x) - x + kHalfLnTwoPi + series / x - Log(product);
}

double GammaQ(double a, double x) {
  if (!(a > 0) || !(x >= 0)) return kNan;
  if (x == 0) return 1;
  if (x == kInfinity) return 0;
  const double front = Exp(a * Log(x) - x - LogGamma(a));
  if (x < a + 1) return 1 - front * GammaPSeries(a, x);
  return front * GammaQFraction(a, x);
}

double NormalQ(double x) {
  if (std::isnan(x)) return x;
  const double half = GammaQ(0.5, x * x / 2) / 2;
  return x >= 0 ? half : 1 - half;
}

double KolmogorovQ(double x) {
  if (std::isnan(x)) return x;
  if (x <= 0) return 1;
  double sum = 0;
  if (x < 1) {
    // The theta function transformed: converges where the series below does not.
    for (int k = 1; k <= 9; k += 2) sum += Exp(-k * k * kPi * kPi / (8 * x * x));
    return 1 - std::sqrt(2 * kPi) / x * sum;
  }
  for (int k = 1; k <= 9; ++k) {
    const double term = Exp(-2.0 * k * k * x * x);
    sum += k % 2 == 1 ? term : -term;
  }
  return std::clamp(2 * sum, 0.0, 1.0);
}

double ChiMean(double freedom) {
  if (!(freedom > 0)) return 0;
  return std::sqrt(2.0) * Exp(LogGamma((freedom + 1) / 2) - LogGamma(freedom / 2));
}

}  // namespace faultline
