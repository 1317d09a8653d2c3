#include "tests/bench/null_streams.h"

#include <cmath>

namespace faultline::bench {
namespace {

using Past = NullStream::Past;

constexpr double kPi = 3.14159265358979323846;

double Normal(Past* past) { return past->random.Normal(); }

double StudentT3(Past* past) {
  double squares = 0;
  for (int i = 0; i < 3; ++i) {
    const double z = past->random.Normal();
    squares += z * z;
  }
  return past->random.Normal() / std::sqrt(squares / 3);
}

double Cauchy(Past* past) { return std::tan(kPi * (past->random.Uniform() - 0.5)); }

template <int kPerMille>
double Bernoulli(Past* past) {
  return past->random.Uniform() < kPerMille / 1000.0 ? 1 : 0;
}

double AutoRegressive(Past* past) {
  past->last = 0.3 * past->last + std::sqrt(1 - 0.09) * past->random.Normal();
  return past->last;
}

double Seasonal(Past* past) {
  return std::sin(2 * kPi * static_cast<double>(past->index++ % 512) / 512) + past->random.Normal();
}

double ZeroInflated(Past* past) {
  const bool zero = past->random.Uniform() < 0.7;
  const double value = -std::log(1 - past->random.Uniform());
  return zero ? 0 : value;
}

constexpr NullStream kStreams[] = {
    {"normal", Normal},
    {"student_t3", StudentT3},
    {"log_normal", [](Past* past) { return std::exp(past->random.Normal()); }},
    {"cauchy", Cauchy},
    {"uniform", [](Past* past) { return past->random.Uniform(); }},
    {"ties", [](Past* past) { return std::floor(3 * past->random.Normal()); }},
    {"bernoulli_0.5", Bernoulli<500>},
    {"bernoulli_0.1", Bernoulli<100>},
    {"bernoulli_0.001", Bernoulli<1>},
    {"ar1_0.3", AutoRegressive},
    {"seasonal", Seasonal},
    {"zero_inflated", ZeroInflated},
};

}  // namespace

std::span<const NullStream> NullStreams() { return kStreams; }

}  // namespace faultline::bench
