#include <gtest/gtest.h>

#include <string>

#include "daemon/log/log.h"
#include "daemon/runtime/planted_bug.h"
#include "tests/sim/world.h"

namespace faultline::sim {
namespace {

struct Planting {
  PlantedBug bug;
  const char* invariant;
};

void PrintTo(const Planting& planting, std::ostream* out) { *out << planting.invariant; }

class PlantedBugs : public ::testing::TestWithParam<Planting> {
 protected:
  void SetUp() override {
    ConfigureLog(LogLevel::kError, false);
    planted_bug = GetParam().bug;
  }
  void TearDown() override { planted_bug = PlantedBug::kNone; }
};

TEST_P(PlantedBugs, AreFoundAndFailAgain) {
  constexpr uint64_t kSteps = 4'000;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    World world(seed);
    const std::string violation = world.Run(kSteps);
    if (violation.empty()) continue;
    EXPECT_EQ(violation.substr(0, 2), GetParam().invariant) << violation;
    World again(seed);
    EXPECT_EQ(again.Run(kSteps), violation);
    EXPECT_EQ(again.happened().steps, world.happened().steps);
    return;
  }
  FAIL() << "the simulation does not look for it";
}

INSTANTIATE_TEST_SUITE_P(EveryInvariant, PlantedBugs,
                         ::testing::Values(Planting{PlantedBug::kAnswersRefusedCommits, "I1"},
                                           Planting{PlantedBug::kForgetsLateRows, "I2"},
                                           Planting{PlantedBug::kLosesAWrite, "I3"},
                                           Planting{PlantedBug::kIgnoresTheQueueLimit, "I4"},
                                           Planting{PlantedBug::kHidesFailures, "I5"},
                                           Planting{PlantedBug::kRepeatsChanges, "I7"}),
                         [](const auto& planting) {
                           return std::string(planting.param.invariant);
                         });

}  // namespace
}  // namespace faultline::sim
