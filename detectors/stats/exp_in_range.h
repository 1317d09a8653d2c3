#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace faultline {

// ln 2 in two parts; multiples of the first by an exponent are exact.
inline constexpr double kLn2High = 6.93147180369123816490e-01;
inline constexpr double kLn2Low = 1.90821492927058770002e-10;

// Where e^x and 2^(x / ln 2) are normal numbers.
inline constexpr double kExpMin = -700;
inline constexpr double kExpMax = 700;

// e^x for kExpMin <= x <= kExpMax, to 2 units in the last place; without branch, division or table,
// so that a loop over it can be vectorised with the same bits.
[[gnu::always_inline]] inline double ExpInRange(double x) {
  // 1 / 13!, ..., 1 / 2!
  constexpr std::array<double, 12> kInverse = {
      1.6059043836821613e-10, 2.08767569878681e-09,   2.505210838544172e-08,  2.755731922398589e-07,
      2.7557319223985893e-06, 2.48015873015873e-05,   1.984126984126984e-04,  1.388888888888889e-03,
      8.333333333333333e-03,  4.1666666666666664e-02, 1.6666666666666666e-01, 0.5};
  // Adding it rounds to an integer, which is then in the lowest bits.
  constexpr double kRound = 6755399441055744.0;  // 1.5 * 2^52
  const double shifted = x * 1.44269504088896340736 + kRound;
  const double k = shifted - kRound;
  const double r = (x - k * kLn2High) - k * kLn2Low;
  double sum = kInverse[0];
  for (size_t n = 1; n < kInverse.size(); ++n) sum = sum * r + kInverse[n];
  const double mantissa = 1 + (r + r * r * sum);
  const uint64_t exponent = (std::bit_cast<uint64_t>(shifted) + 1023) << 52;
  return mantissa * std::bit_cast<double>(exponent);
}

}  // namespace faultline
