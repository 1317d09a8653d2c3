#pragma once

#include <cstdint>

namespace faultline {

// Bugs that are planted to see that the simulation looks: one for each invariant. They are there
// only in the library that the simulation's own test links (FAULTLINE_PLANTED_BUGS); everywhere
// else Planted is a constant that leaves nothing behind.
enum class PlantedBug : uint8_t {
  kNone,
  kAnswersRefusedCommits,  // I1: acknowledges what is not committed
  kForgetsLateRows,        // I2: rows are in no total
  kLosesAWrite,            // I3: state is not what an uninterrupted run has
  kIgnoresTheQueueLimit,   // I4: takes batches without room
  kHidesFailures,          // I5: a refused commit does not show
  kRepeatsChanges,         // I7: a restart tells the last incident change again
};

#ifdef FAULTLINE_PLANTED_BUGS
inline PlantedBug planted_bug = PlantedBug::kNone;
inline bool Planted(PlantedBug bug) { return planted_bug == bug; }
#else
constexpr bool Planted(PlantedBug) { return false; }
#endif

}  // namespace faultline
