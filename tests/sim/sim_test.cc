#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "daemon/log/log.h"
#include "tests/sim/world.h"

namespace faultline::sim {
namespace {

// Some go on for long: windows fill, incidents come and go.
uint64_t StepsOf(uint64_t seed) { return seed % 16 == 0 ? 30'000 : 4'000; }

// How many seeds there is time for.
uint64_t Seeds() {
  if (std::getenv("FAULTLINE_LONG_TESTS") != nullptr) return 20'000;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return 150;
#else
  return 480;
#endif
}

class Simulation : public ::testing::Test {
 protected:
  void SetUp() override { ConfigureLog(LogLevel::kError, false); }
};

// Parts of the seeds, so that they run side by side.
class SimulationSeeds : public Simulation, public ::testing::WithParamInterface<uint64_t> {};

TEST_P(SimulationSeeds, Hold) {
  constexpr uint64_t kParts = 5;
  Happened happened;
  for (uint64_t seed = 1 + GetParam(); seed <= Seeds(); seed += kParts) {
    World world(seed);
    const std::string violation = world.Run(StepsOf(seed));
    happened.Add(world.happened());
    ASSERT_EQ(violation, "") << "at step " << world.happened().steps
                             << "; again: faultline_sim --seed " << seed << " --steps "
                             << StepsOf(seed);
  }
  std::printf("%s\n", happened.Text().c_str());
  EXPECT_EQ(happened.Missing(), "") << "a run that holds says nothing of it";
}

INSTANTIATE_TEST_SUITE_P(Parts, SimulationSeeds, ::testing::Range(uint64_t{0}, uint64_t{5}));

TEST_F(Simulation, ASeedIsOneCourseOfEvents) {
  for (const uint64_t seed : {3, 14, 159}) {
    std::string texts[2];
    for (std::string& text : texts) {
      World world(seed);
      EXPECT_EQ(world.Run(StepsOf(seed)), "");
      text = world.happened().Text();
    }
    EXPECT_EQ(texts[0], texts[1]);
  }
}

}  // namespace
}  // namespace faultline::sim
