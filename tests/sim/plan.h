#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "daemon/core/settings/settings.h"
#include "faultline/v1/event.pb.h"
#include "tests/support/streams.h"

namespace faultline::sim {

inline constexpr int64_t kMillisecond = 1'000'000;
inline constexpr int64_t kSecond = 1'000 * kMillisecond;
inline constexpr int64_t kStartNs = 1'790'000'000 * kSecond;

// What a seed decides before anything happens: which faults there are and how often, and how the
// daemon is configured. Each fault is there in about half of the seeds, so that they are met alone
// and together.
struct Plan {
  explicit Plan(uint64_t seed);

  uint64_t seed;
  uint32_t shards;
  uint32_t producers;
  bool power_safe;  // commits are synced
  // Chances per message or step.
  double drop, duplicate, corrupt, reorder;
  double crash, crash_in_commit, stop, refuse, break_store, slow_store, jump;
  double command, reload, damage;
  double pressure;  // that the memory is seen at its ceiling

  // The configuration in force: `revision` counts reloads.
  std::shared_ptr<const Settings> MakeSettings(uint32_t revision) const;
  // Another number of shards for the next start, or the same.
  void Renew(testing::Random* random);
};

// The next batch of a producer for one of the models: a few rows, some late, some from the future,
// some with an id twice. `now_ns`: the true time.
v1::InferenceBatch MakeBatch(testing::Random* random, int64_t now_ns);
inline constexpr uint32_t kModels = 3;
std::string ModelName(uint64_t index);

}  // namespace faultline::sim
