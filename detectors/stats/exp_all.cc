// Built with -O3, so that the loop is vectorised.
#include <algorithm>

#include "detectors/stats/elementary.h"
#include "detectors/stats/exp_in_range.h"

namespace faultline {
namespace {

[[gnu::always_inline]] inline void ExpLoop(double* x, size_t count) {
  for (size_t i = 0; i < count; ++i) x[i] = ExpInRange(std::clamp(x[i], kExpMin, kExpMax));
}

void ExpPlain(double* x, size_t count) { ExpLoop(x, count); }

#if defined(__x86_64__)
__attribute__((target("avx2"))) void ExpAvx2(double* x, size_t count) { ExpLoop(x, count); }
#endif

using Loop = void (*)(double*, size_t);

Loop Choose() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) return ExpAvx2;
#endif
  return ExpPlain;
}

}  // namespace

void ExpAll(std::span<double> x) {
  static const Loop loop = Choose();
  loop(x.data(), x.size());
}

}  // namespace faultline
