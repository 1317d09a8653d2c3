#include "detectors/stats/kolmogorov_law.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "detectors/stats/elementary.h"

namespace faultline {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kPi = 3.14159265358979323846;
constexpr double kPi2 = kPi * kPi;
constexpr double kHalfLnTwoPi = 0.91893853320467274178;

// ln k! minus Stirling's formula for it, k >= 1.
double StirlingError(double k) {
  if (k < 16) {
    double factorial = 1;
    for (uint32_t i = 2; i <= static_cast<uint32_t>(k); ++i) factorial *= i;
    return Log(factorial) - (k + 0.5) * Log(k) + k - kHalfLnTwoPi;
  }
  constexpr std::array<double, 6> kSeries = {1.0 / 12,    -1.0 / 360, 1.0 / 1260,
                                             -1.0 / 1680, 1.0 / 1188, -691.0 / 360360};
  double sum = 0;
  for (size_t i = kSeries.size(); i-- > 0;) sum = sum / (k * k) + kSeries[i];
  return sum / k;
}

// x ln(x / there) + off, where there is x + off, without cancellation at small `off`
// (Loader 2000). x > 0.
double Deviance(double x, double off, double there) {
  if (std::fabs(off) > 0.1 * (2 * x + off)) return x * Log(x / there) + off;
  const double v = -off / (2 * x + off);
  double sum = -off * v;
  double term = 2 * x * v;
  for (int j = 1; j < 1000; ++j) {
    term *= v * v;
    const double next = sum + term / (2 * j + 1);
    if (next == sum) break;
    sum = next;
  }
  return sum;
}

using Matrix = std::vector<double>;  // row-major

Matrix Product(const Matrix& a, const Matrix& b, size_t size) {
  Matrix c(size * size, 0);
  for (size_t i = 0; i < size; ++i) {
    for (size_t k = 0; k < size; ++k) {
      const double left = a[i * size + k];
      for (size_t j = 0; j < size; ++j) c[i * size + j] += left * b[k * size + j];
    }
  }
  return c;
}

// Durbin's matrix (1973), as Marsaglia, Tsang and Wang (2003) fill it: half - rest is n d.
Matrix DurbinMatrix(size_t half, double rest) {
  const size_t size = 2 * half - 1;
  std::vector<double> inverse_factorial = {1};
  for (size_t j = 1; j <= size; ++j) {
    inverse_factorial.push_back(inverse_factorial.back() / static_cast<double>(j));
  }
  Matrix h(size * size, 0);
  for (size_t i = 0; i < size; ++i) {
    for (size_t j = 0; j < size && j <= i + 1; ++j) h[i * size + j] = inverse_factorial[i + 1 - j];
  }
  double power = 1;
  for (size_t i = 0; i < size; ++i) {
    power *= rest;
    const double border = (1 - power) * inverse_factorial[i + 1];
    h[i * size] = border;
    h[(size - 1) * size + size - 1 - i] = border;
  }
  const double excess = std::max(2 * rest - 1, 0.0);
  double corner = 1 - 2 * power;
  double excess_power = 1;
  for (size_t i = 0; i < size; ++i) excess_power *= excess;
  corner += excess > 0 ? excess_power : 0;
  h[(size - 1) * size] = corner * inverse_factorial[size];
  return h;
}

// P(D < d) by the n-th power of that matrix; numbers are kept in range by powers of two.
double DurbinP(uint64_t n, double d) {
  const double distance = static_cast<double>(n) * d;
  const auto half = static_cast<size_t>(std::ceil(distance));
  const size_t size = 2 * half - 1;
  const size_t middle = (half - 1) * size + half - 1;
  Matrix base = DurbinMatrix(half, static_cast<double>(half) - distance);
  Matrix power(size * size, 0);
  for (size_t i = 0; i < size; ++i) power[i * size + i] = 1;
  int base_exponent = 0;
  int exponent = 0;
  for (uint64_t left = n; left > 0; left /= 2) {
    if (left % 2 == 1) {
      power = Product(power, base, size);
      exponent += base_exponent;
    }
    if (left == 1) break;
    base = Product(base, base, size);
    base_exponent *= 2;
    const int excess = std::ilogb(base[middle]);
    for (double& value : base) value = std::ldexp(value, -excess);
    base_exponent += excess;
  }
  double share = power[middle];
  for (uint64_t i = 1; i <= n; ++i) {
    int shift = 0;
    share = std::frexp(share * static_cast<double>(i) / static_cast<double>(n), &shift);
    exponent += shift;
  }
  return std::ldexp(share, exponent);
}

// P(D < d): four terms of the expansion in 1 / sqrt(n), each summed where it converges at once.
double PelzGoodP(double n, double d) {
  const double z = std::sqrt(n) * d;
  const double z2 = z * z;
  const double z4 = z2 * z2;
  const double z6 = z4 * z2;
  double k0 = 0, k1 = 0, k2 = 0, k3 = 0;
  for (int i = 0; i < 20; ++i) {
    const double s = kPi2 * (i + 0.5) * (i + 0.5);
    const double e = 2 * Exp(-s / (2 * z2));  // of i + 1/2 and of -(i + 1/2)
    k0 += e;
    k1 += (s - z2) * e;
    k2 += (6 * z6 + 2 * z4 + s * (2 * z4 - 5 * z2) + s * s * (1 - 2 * z2)) * e;
    k3 += (s * s * s * (5 - 30 * z2) + s * s * (212 * z4 - 60 * z2) + s * (135 * z4 - 96 * z6) -
           30 * z6 - 90 * z4 * z4) *
          e;
  }
  double whole2 = 0, whole3 = 0;
  for (int i = 1; i < 20; ++i) {
    const double s = kPi2 * i * i;
    const double e = 2 * Exp(-s / (2 * z2));
    whole2 += s * e;
    whole3 += s * (3 * z2 - s) * e;
  }
  const double root = std::sqrt(kPi / 2);
  k0 *= root / z;
  k1 *= root / (6 * z4);
  k2 = root * (k2 / (72 * z6 * z) - whole2 / (36 * z2 * z));
  k3 = root * (k3 / (6480 * z6 * z4) + whole3 / (216 * z6));
  const double r = 1 / std::sqrt(n);
  return k0 + r * (k1 + r * (k2 + r * k3));
}

}  // namespace

double SmirnovQ(uint64_t n, double d) {
  if (n == 0 || std::isnan(d)) return kNan;
  if (d <= 0) return 1;
  if (d >= 1) return 0;
  const auto all = static_cast<double>(n);
  const double off = all * d;
  const double rest = all * (1 - d);
  // Over the number of values below the point of first crossing.
  double sum = Exp(-Deviance(all, -off, rest) - off);
  const double whole = StirlingError(all) - kHalfLnTwoPi;
  for (uint64_t below = 1; static_cast<double>(below) < rest; ++below) {
    const auto j = static_cast<double>(below);
    const double left = all - j;
    const double log_share = whole - StirlingError(j) - StirlingError(left) -
                             Deviance(j, off, j + off) - Deviance(left, -off, rest - j) +
                             0.5 * Log(all / (j * left));
    sum += Exp(log_share) * off / (off + j);
  }
  return std::min(sum, 1.0);
}

double KolmogorovSmirnovQ(uint64_t n, double d) {
  constexpr uint64_t kSmall = 140;
  constexpr uint64_t kMatrixMost = 100'000;
  if (n == 0 || std::isnan(d)) return kNan;
  const auto all = static_cast<double>(n);
  const double distance = all * d;
  if (distance <= 0.5) return 1;
  if (d >= 1) return 0;
  if (distance <= 1) {  // Ruben, Gambino 1982
    double inside = 1;
    for (double i = 1; i <= all && inside > 0; i += 1) inside *= i / all * (2 * distance - 1);
    return 1 - inside;
  }
  const double square = distance * d;
  if (d >= 0.5 || square > (n <= kSmall ? 4 : 2.2)) {
    return square >= 370 ? 0 : std::min(1.0, 2 * SmirnovQ(n, d));
  }
  const bool few_steps = n <= kMatrixMost && distance * std::sqrt(d) <= 1.4;
  const double inside = n <= kSmall || few_steps ? DurbinP(n, d) : PelzGoodP(all, d);
  return std::clamp(1 - inside, 0.0, 1.0);
}

TestResult KolmogorovSmirnovTest(std::span<const double> p, std::span<const double> q) {
  constexpr uint64_t kExactMost = 10'000;
  const uint64_t n = p.size();
  const uint64_t m = q.size();
  if (n == 0 || m == 0) return {kNan, kNan};
  const uint64_t steps = KolmogorovSmirnovSteps(p, q);
  const auto cells = static_cast<double>(n) * static_cast<double>(m);
  const double distance = static_cast<double>(steps) / cells;
  if (std::max(n, m) <= kExactMost) {
    return {distance, KolmogorovSmirnovExactPValue(steps, n, m)};
  }
  const double rows = std::nearbyint(cells / static_cast<double>(n + m));
  return {distance, KolmogorovSmirnovQ(static_cast<uint64_t>(rows), distance)};
}

}  // namespace faultline
