// KSWIN (Raab, Heusinger, Schleif: Reactive soft prototype computing for concept drift streams,
// 2020): the Kolmogorov-Smirnov distance between the last stat_size values of a window and as many
// sampled from the rest of it. With the same seed it draws as river 0.26.1 does (Python's Mersenne
// twister and random.sample) and so alarms at the same values.
//
// Blind to: changes slower than the window. At its defaults about 1300 false alarms per million.

#include <array>
#include <bit>
#include <vector>

#include "detectors/change/sequence_rule.h"

namespace faultline {
namespace {

constexpr uint64_t kValuesMost = 4096;
// A change also needs a distance above this, as in river.
constexpr double kDistanceLeast = 0.1;

// MT19937 (Matsumoto, Nishimura 1998), seeded by an array of one word.
struct Twister {
  static constexpr uint32_t kWords = 624;
  static constexpr uint32_t kMiddle = 397;
  std::array<uint32_t, kWords> words = {};
  uint64_t next = kWords;

  void Seed(uint32_t seed) {
    words[0] = 19650218;
    for (uint32_t i = 1; i < kWords; ++i) {
      words[i] = 1812433253 * (words[i - 1] ^ (words[i - 1] >> 30)) + i;
    }
    uint32_t i = 1;
    const auto wrap = [&] {
      if (++i < kWords) return;
      words[0] = words[kWords - 1];
      i = 1;
    };
    for (uint32_t k = 0; k < kWords; ++k, wrap()) {
      words[i] = (words[i] ^ ((words[i - 1] ^ (words[i - 1] >> 30)) * 1664525)) + seed;
    }
    for (uint32_t k = 1; k < kWords; ++k, wrap()) {
      words[i] = (words[i] ^ ((words[i - 1] ^ (words[i - 1] >> 30)) * 1566083941)) - i;
    }
    words[0] = 0x80000000;
    next = kWords;
  }
  void Turn() {
    for (uint32_t i = 0; i < kWords; ++i) {
      const uint32_t joined = (words[i] & 0x80000000) | (words[(i + 1) % kWords] & 0x7fffffff);
      words[i] =
          words[(i + kMiddle) % kWords] ^ (joined >> 1) ^ ((joined & 1) != 0 ? 0x9908b0df : 0);
    }
    next = 0;
  }
  uint32_t Bits() {
    if (next >= kWords) Turn();
    uint32_t y = words[next++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return y ^ (y >> 18);
  }
  uint32_t Below(uint32_t n) {
    const int bits = std::bit_width(n);
    uint32_t drawn = Bits() >> (32 - bits);
    while (drawn >= n) drawn = Bits() >> (32 - bits);
    return drawn;
  }
};

// Two-sided p-value of h = n D for two samples of n values without ties (Gnedenko, Korolyuk 1951):
// 2 (C(2n, n - h) - C(2n, n - 2h) + ...) / C(2n, n).
double EqualSizesPValue(uint64_t n, uint64_t h) {
  double sum = 0;
  for (uint64_t k = n / h; k > 0; --k) {
    double term = 1;
    for (uint64_t j = 0; j < k * h; ++j) {
      term *= static_cast<double>(n - j) / static_cast<double>(n + k * h - j);
    }
    sum += k % 2 == 1 ? term : -term;
  }
  return std::min(1.0, 2 * sum);
}

struct KswinRule {
  static constexpr SequenceInput kInput = SequenceInput::kNumbers;
  struct State {
    uint64_t values = 0;
    Twister twister = {};
  };
  uint64_t window, newest;
  uint32_t seed;
  uint64_t alarm;  // at this many steps of 1 / newest

  size_t tail_bytes() const { return (window + 2 * newest) * sizeof(double) + PoolBytes(); }
  size_t PoolBytes() const { return (window * sizeof(uint32_t) + 7) / 8 * 8; }

  void Begin(State& state, std::byte* /*tail*/) const {
    state.values = 0;
    state.twister.Seed(seed);
  }

  // Draws `newest` different ones of the numbers below `of`, as random.sample does.
  void Draw(State& state, uint32_t of, uint32_t* pool, const double* ring, double* drawn) const {
    uint64_t set_size = 21;
    if (newest > 5) {
      uint64_t power = 1;
      while (power < 3 * newest) power *= 4;
      set_size += power;
    }
    const uint64_t start = state.values % window;  // the oldest value's place
    for (uint32_t i = 0; i < of; ++i) pool[i] = i;
    const bool by_pool = of <= set_size;
    for (uint32_t i = 0; i < newest; ++i) {
      uint32_t place = 0;
      if (by_pool) {
        const uint32_t j = state.twister.Below(of - i);
        place = pool[j];
        pool[j] = pool[of - i - 1];
      } else {
        do place = state.twister.Below(of);
        while (pool[place] == of);
        pool[place] = of;  // taken
      }
      drawn[i] = ring[(start + place) % window];
    }
  }
  // n D of two sorted samples of n values.
  uint64_t Distance(const double* a, const double* b) const {
    uint64_t i = 0;
    uint64_t j = 0;
    uint64_t most = 0;
    while (i < newest && j < newest) {
      const double x = std::min(a[i], b[j]);
      while (i < newest && a[i] == x) ++i;
      while (j < newest && b[j] == x) ++j;
      most = std::max(most, i > j ? i - j : j - i);
    }
    return most;
  }
  RuleStep Step(State& state, std::byte* tail, double x) const {
    double* ring = reinterpret_cast<double*>(tail);
    double* drawn = ring + window;
    double* recent = drawn + newest;
    auto* pool = reinterpret_cast<uint32_t*>(recent + newest);
    ring[state.values % window] = x;
    state.values += 1;
    if (state.values < window) return {};
    Draw(state, static_cast<uint32_t>(window - newest), pool, ring, drawn);
    for (uint64_t i = 0; i < newest; ++i) {
      recent[i] = ring[(state.values + window - newest + i) % window];
    }
    std::sort(drawn, drawn + newest);
    std::sort(recent, recent + newest);
    if (Distance(drawn, recent) < alarm) return {};
    Begin(state, tail);
    return {SequenceReport::kChange, newest};
  }
};

}  // namespace

std::shared_ptr<const SequenceDetector> MakeKswin(SequenceOptions o, uint64_t tag) {
  const auto window = static_cast<uint64_t>(o[1]);
  const auto newest = static_cast<uint64_t>(o[2]);
  if (window < 2 * newest || window > kValuesMost) return nullptr;
  uint64_t alarm = 1;
  while (alarm <= newest &&
         (EqualSizesPValue(newest, alarm) > o[0] ||
          !(static_cast<double>(alarm) / static_cast<double>(newest) > kDistanceLeast))) {
    ++alarm;
  }
  return SequenceFrom(KswinRule{window, newest, static_cast<uint32_t>(o[3]), alarm}, tag);
}

}  // namespace faultline
