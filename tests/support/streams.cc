#include "tests/support/streams.h"

#include <bit>
#include <cmath>
#include <limits>

namespace faultline::testing {
namespace {

using Limits = std::numeric_limits<double>;

template <typename At>
HostileStream Stream(const char* name, size_t count, At at) {
  HostileStream stream{name, {}};
  for (size_t i = 0; i < count; ++i) stream.values.push_back(at(i));
  return stream;
}

}  // namespace

Random::Random(uint64_t seed) {
  for (uint64_t& word : state_) {
    seed += 0x9e3779b97f4a7c15;
    uint64_t z = seed;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    word = z ^ z >> 31;
  }
}

uint64_t Random::Bits() {
  const uint64_t result = std::rotl(state_[0] + state_[3], 23) + state_[0];
  const uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

double Random::Uniform() { return static_cast<double>(Bits() >> 11) * 0x1p-53; }

uint64_t Random::Below(uint64_t n) {
  return static_cast<uint64_t>(static_cast<unsigned __int128>(Bits()) * n >> 64);
}

double Random::Normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  for (;;) {
    const double x = 2 * Uniform() - 1;
    const double y = 2 * Uniform() - 1;
    const double square = x * x + y * y;
    if (square >= 1 || square == 0) continue;
    const double factor = std::sqrt(-2 * std::log(square) / square);
    spare_ = y * factor;
    has_spare_ = true;
    return x * factor;
  }
}

std::vector<double> Normals(uint64_t seed, size_t count, double mean, double deviation) {
  Random random(seed);
  std::vector<double> values(count);
  for (double& value : values) value = mean + deviation * random.Normal();
  return values;
}

std::vector<double> Uniforms(uint64_t seed, size_t count, double low, double high) {
  Random random(seed);
  std::vector<double> values(count);
  for (double& value : values) value = low + (high - low) * random.Uniform();
  return values;
}

std::vector<HostileStream> HostileStreams(size_t count) {
  Random random(77);
  const double strange[] = {Limits::quiet_NaN(),
                            Limits::infinity(),
                            -Limits::infinity(),
                            Limits::denorm_min(),
                            -Limits::denorm_min(),
                            Limits::max(),
                            Limits::lowest(),
                            0.0,
                            -0.0,
                            1.0};
  return {
      Stream("strange_values", count, [&](size_t) { return strange[random.Below(10)]; }),
      Stream("all_nan", count, [](size_t) { return Limits::quiet_NaN(); }),
      Stream("all_infinite", count,
             [](size_t i) { return i % 2 == 0 ? Limits::infinity() : -Limits::infinity(); }),
      Stream("denormals", count,
             [&](size_t) { return Limits::denorm_min() * static_cast<double>(random.Below(9)); }),
      Stream("offset_1e15", count, [&](size_t) { return 1e15 + random.Normal(); }),
      Stream("ties_only", count, [](size_t) { return 3.5; }),
      Stream("constant_then_jump", count, [&](size_t i) { return i < count / 2 ? 1.0 : 1e300; }),
      Stream("alternating_signs", count, [](size_t i) { return i % 2 == 0 ? 1e9 : -1e9; }),
      Stream("slow_ramp", count, [](size_t i) { return 1e-6 * static_cast<double>(i); }),
      Stream("largest", count,
             [](size_t i) { return i % 3 == 0 ? Limits::lowest() : Limits::max(); }),
      Stream("both_zeros", count, [](size_t i) { return i % 2 == 0 ? 0.0 : -0.0; }),
  };
}

}  // namespace faultline::testing
