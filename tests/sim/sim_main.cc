#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "daemon/log/log.h"
#include "tests/sim/world.h"

// faultline_sim [--seed N] [--seeds COUNT] [--steps N] [--verbose]
//
// Runs COUNT seeds from N on, `steps` steps each. A seed that fails prints itself and what did not
// hold, and fails again when it is run alone. The exit code is 1 then.

namespace {

uint64_t Number(int argc, char** argv, const char* name, uint64_t otherwise) {
  for (int i = 1; i + 1 < argc; ++i) {
    if (std::strcmp(argv[i], name) == 0) return std::strtoull(argv[i + 1], nullptr, 10);
  }
  return otherwise;
}

}  // namespace

int main(int argc, char** argv) {
  using faultline::sim::World;
  const uint64_t first = Number(argc, argv, "--seed", 1);
  const uint64_t seeds = Number(argc, argv, "--seeds", 1);
  const uint64_t steps = Number(argc, argv, "--steps", 4'000);
  faultline::ConfigureLog(faultline::LogLevel::kError, false);
  faultline::sim::Happened happened;
  for (uint64_t seed = first; seed < first + seeds; ++seed) {
    // Printed before, too: an abort says nothing of the seed.
    std::fprintf(stderr, "\rseed %llu ", static_cast<unsigned long long>(seed));
    World world(seed);
    const std::string violation = world.Run(steps);
    happened.Add(world.happened());
    if (violation.empty()) continue;
    std::printf("seed %llu: step %llu: %s\nagain: faultline_sim --seed %llu --steps %llu\n",
                static_cast<unsigned long long>(seed),
                static_cast<unsigned long long>(world.happened().steps), violation.c_str(),
                static_cast<unsigned long long>(seed), static_cast<unsigned long long>(steps));
    return 1;
  }
  std::printf("%llu seeds hold: %s\n", static_cast<unsigned long long>(seeds),
              happened.Text().c_str());
  return 0;
}
