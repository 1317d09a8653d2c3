#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace faultline::testing {

// Chance for tests: the same everywhere and for ever, so that expected figures can be written
// down. xoshiro256++ (Blackman, Vigna 2019) seeded by splitmix64; transforms are our own, because
// those of the standard library differ between implementations.
class Random {
 public:
  explicit Random(uint64_t seed);

  uint64_t Bits();
  // [0, 1), in steps of 2^-53.
  double Uniform();
  // Below n, n > 0.
  uint64_t Below(uint64_t n);
  // Mean 0, deviation 1 (polar method of Marsaglia).
  double Normal();

 private:
  uint64_t state_[4];
  double spare_ = 0;
  bool has_spare_ = false;
};

std::vector<double> Normals(uint64_t seed, size_t count, double mean = 0, double deviation = 1);
std::vector<double> Uniforms(uint64_t seed, size_t count, double low = 0, double high = 1);

// A stream made to break a detector.
struct HostileStream {
  std::string name;
  std::vector<double> values;
};

// NaN, infinities, denormals, huge offsets, ties only, a constant that jumps, alternating signs, a
// slow ramp, the largest doubles, both zeros: `count` values each.
std::vector<HostileStream> HostileStreams(size_t count);

}  // namespace faultline::testing
