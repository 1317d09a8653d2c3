#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "daemon/runtime/pipeline.h"
#include "tests/sim/oracle.h"
#include "tests/sim/plan.h"
#include "tests/sim/sim_store.h"
#include "tests/support/streams.h"

namespace faultline::sim {

// What happened in a run, to see that it looked where it should.
struct Happened {
  uint64_t steps = 0, commits = 0, refusals = 0, crashes = 0, crashes_in_commit = 0, stops = 0,
           damages = 0, accepted = 0, duplicates = 0, out_of_order = 0, fenced = 0, full = 0,
           shed = 0, undecodable = 0, acknowledged = 0, commands = 0, reloads = 0, changes = 0,
           jumps = 0;
  void Add(const Happened& other);
  std::string Text() const;
  // Names of what never happened.
  std::string Missing() const;
};

// The daemon between its edges and its disk, with producers, a network and a store that fail as the
// plan says; one thread, one seed, one course of events. The code is that of the daemon: decoding,
// admission, shards, committer, restore. The rest is played: packets instead of streams, a store in
// memory, clocks that are set.
class World {
 public:
  explicit World(uint64_t seed);

  // Goes `steps` steps, then lets every fault end and everything be delivered. "I1: ..." if
  // something does not hold, else empty.
  std::string Run(uint64_t steps);
  const Happened& happened() const { return happened_; }

 private:
  struct Packet {
    enum class Kind { kBatch, kHello, kAck, kWelcome, kExpected };
    Kind kind = Kind::kBatch;
    uint32_t producer = 0;
    uint64_t epoch = 0;
    uint64_t sequence = 0;
    std::shared_ptr<const std::string> bytes{};  // of a batch
  };
  // One that numbers its batches, keeps them until they are acknowledged, and sends them again.
  struct Producer {
    uint64_t epoch = 1;
    uint64_t next = 1;
    std::map<uint64_t, std::shared_ptr<const std::string>> kept;
  };
  struct Waiting {
    Packet packet;
    std::unique_ptr<EventBatch> batch;
  };

  bool Happens(double chance) { return random_.Uniform() < chance; }
  std::string ProducerId(uint32_t producer) const { return "p" + std::to_string(producer); }

  void Step();
  void Start();
  void Crash();
  void StopAndStart();
  void StepCommitter();
  void StepShard();
  void PassTime();
  SimStore::Fate Decide(bool sync);

  void Produce();
  void ProduceUnmarked();
  void Resend();
  void Hello();
  void Send(Packet packet);
  void DeliverAny();
  void Deliver(const Packet& packet);
  void ServeBatch(const Packet& packet);
  void Submit(const Packet& packet, std::unique_ptr<EventBatch> batch);
  void RetryWaiting();

  void Order();
  void Run(const std::string& model, const std::string& person,
           const std::function<CommandAction()>& action);
  void Reload();
  void TryDamaged();

  Plan plan_;
  testing::Random random_;
  uint32_t revision_ = 0;
  std::shared_ptr<const Settings> settings_;
  int64_t steady_ns_ = 0;
  int64_t wall_shift_ns_ = 0;
  bool calm_ = false;  // no more faults
  bool crash_now_ = false;

  SimStore store_;
  Oracle oracle_;
  std::unique_ptr<Pipeline> pipeline_;
  uint64_t life_ = 0;  // of pipeline_; callbacks of earlier ones are void
  bool committing_ = false;
  bool ended_ = false;

  std::vector<Producer> producers_;
  std::vector<Packet> network_;
  std::deque<Waiting> waiting_;
  bool woken_ = false;
  Happened happened_;
};

}  // namespace faultline::sim
