#include "tests/sim/world.h"

#include <algorithm>
#include <utility>

namespace faultline::sim {

namespace {

constexpr std::pair<const char*, uint64_t Happened::*> kCounts[] = {
    {"steps", &Happened::steps},
    {"commits", &Happened::commits},
    {"refused commits", &Happened::refusals},
    {"crashes", &Happened::crashes},
    {"of them in a commit", &Happened::crashes_in_commit},
    {"stops", &Happened::stops},
    {"damaged stores", &Happened::damages},
    {"batches accepted", &Happened::accepted},
    {"duplicates", &Happened::duplicates},
    {"out of order", &Happened::out_of_order},
    {"fenced", &Happened::fenced},
    {"found it full", &Happened::full},
    {"shed", &Happened::shed},
    {"undecodable", &Happened::undecodable},
    {"acknowledged", &Happened::acknowledged},
    {"commands", &Happened::commands},
    {"reloads", &Happened::reloads},
    {"incident changes", &Happened::changes},
    {"clock jumps", &Happened::jumps},
};

}  // namespace

void Happened::Add(const Happened& other) {
  for (const auto& [name, count] : kCounts) this->*count += other.*count;
}

std::string Happened::Text() const {
  std::string text;
  for (const auto& [name, count] : kCounts) {
    text += (text.empty() ? "" : ", ") + std::to_string(this->*count) + " " + name;
  }
  return text;
}

std::string Happened::Missing() const {
  std::string missing;
  for (const auto& [name, count] : kCounts) {
    if (this->*count == 0) missing += std::string(missing.empty() ? "" : ", ") + name;
  }
  return missing;
}

World::World(uint64_t seed)
    : plan_(seed),
      random_(seed),
      settings_(plan_.MakeSettings(0)),
      oracle_(&store_, settings_, plan_.shards),
      producers_(plan_.producers) {
  store_.decide = [this](const SimStore::Writes&, bool sync) { return Decide(sync); };
  store_.there = [this](const SimStore::Writes& writes) { oracle_.There(writes); };
  Start();
}

void World::Start() {
  ++life_;
  ended_ = committing_ = crash_now_ = woken_ = false;
  store_.Restart();
  PipelineDrive drive;
  drive.threads = false;
  drive.resident_bytes = [this] {
    const uint64_t free = random_.Below(Happens(plan_.pressure) ? 40 : 4'096);
    return calm_ ? 0 : (uint64_t{96} << 20) - (free << 10);
  };
  drive.clock.steady_ns = [this] { return steady_ns_; };
  drive.clock.wall_ns = [this] { return kStartNs + steady_ns_ + wall_shift_ns_; };
  pipeline_ = std::make_unique<Pipeline>(
      settings_, &store_, nullptr,
      [this](uint64_t sequence, const IncidentChange& change) {
        ++happened_.changes;
        oracle_.Told(sequence, change);
      },
      std::move(drive));
  const absl::Status status = pipeline_->Start();
  if (!status.ok()) oracle_.Violate("I1", "does not start again: " + status.ToString());
}

// Everything in memory is lost, and so are messages to and from this process.
void World::Crash() {
  ++happened_.crashes;
  pipeline_.reset();
  waiting_.clear();
  std::erase_if(network_, [this](const Packet&) { return Happens(0.5); });
  if (Happens(plan_.damage)) TryDamaged();
  plan_.Renew(&random_);
  settings_ = plan_.MakeSettings(revision_);
  oracle_.Crashed(settings_, plan_.shards);
  if (random_.Below(8) == 0) oracle_.CheckStore();
  Start();
}

void World::StopAndStart() {
  ++happened_.stops;
  pipeline_->Stop();
  const uint64_t life = life_;
  for (int i = 0; i < 10'000 && !ended_; ++i) {
    StepShard();
    StepCommitter();
    if (!oracle_.violation().empty() || life != life_) return;
  }
  if (!ended_) oracle_.Violate("sim", "a stop does not end");
  Crash();
}

SimStore::Fate World::Decide(bool sync) {
  if (plan_.power_safe && !sync) oracle_.Violate("I1", "a commit is not synced, and should be");
  if (Happens(plan_.slow_store) && !calm_) {
    steady_ns_ += static_cast<int64_t>(random_.Below(20)) * kSecond;
  }
  if (calm_) return SimStore::Fate::kTaken;
  const bool there = random_.Below(2) == 0;
  crash_now_ = Happens(plan_.crash_in_commit);
  happened_.crashes_in_commit += crash_now_ ? 1 : 0;
  if (store_.down || crash_now_ || Happens(plan_.refuse)) {
    return there && !store_.down ? SimStore::Fate::kRefusedThere : SimStore::Fate::kRefused;
  }
  if (Happens(plan_.break_store)) {
    store_.down = true;
    return there ? SimStore::Fate::kRefusedThere : SimStore::Fate::kRefused;
  }
  return SimStore::Fate::kTaken;
}

void World::StepCommitter() {
  const int64_t tick_ns = kStartNs + steady_ns_ + wall_shift_ns_;
  const CommitterStep step = pipeline_->StepCommitter();
  // The process died in its commit; nothing after it happened.
  if (std::exchange(crash_now_, false)) return Crash();
  switch (step.act) {
    case CommitterAct::kTick:
      return oracle_.Ticked(tick_ns);
    case CommitterAct::kCheckpoint:
      committing_ = true;
      return oracle_.Line();
    case CommitterAct::kCommit:
      committing_ = false;
      ++happened_.commits;
      return oracle_.Committed(*pipeline_);
    case CommitterAct::kRefusal:
      ++happened_.refusals;
      oracle_.Refused();
      if (pipeline_->ready().ok()) {
        oracle_.Violate("I5", "ready, while the store refuses commits");
      }
      return;
    case CommitterAct::kEnd:
      ended_ = true;
      return;
    case CommitterAct::kNone:
    case CommitterAct::kGather:
      return;
  }
}

void World::StepShard() {
  const auto shard = static_cast<uint32_t>(random_.Below(plan_.shards));
  if (pipeline_->StepShard(shard)) oracle_.ShardDid(shard);
}

void World::PassTime() {
  const uint64_t how = random_.Below(10);
  const int64_t most = how < 6 ? 5 : how < 9 ? 60 : 1'500;
  steady_ns_ += static_cast<int64_t>(random_.Below(static_cast<uint64_t>(most))) * kMillisecond;
  if (calm_ || !Happens(plan_.jump)) return;
  ++happened_.jumps;
  wall_shift_ns_ =
      random_.Below(3) == 0 ? 0 : (static_cast<int64_t>(random_.Below(7'200)) - 3'600) * kSecond;
}

void World::Step() {
  ++happened_.steps;
  if (woken_) RetryWaiting();
  const uint64_t what = random_.Below(100);
  if (what < 27) {
    DeliverAny();
  } else if (what < 47) {
    StepShard();
  } else if (what < 64) {
    StepCommitter();
  } else if (what < 74) {
    PassTime();
  } else if (what < 91) {
    Produce();
  } else if (what < 93) {
    ProduceUnmarked();
  } else if (what < 94) {
    Resend();
  } else if (what < 95) {
    Hello();
  } else if (calm_) {
    StepCommitter();
  } else if (Happens(plan_.command * 20)) {
    Order();
  } else if (Happens(plan_.reload * 20)) {
    Reload();
  } else if (store_.down && random_.Below(4) == 0) {
    store_.down = false;
  }
  if (calm_ || !oracle_.violation().empty()) return;
  if (Happens(plan_.crash)) return Crash();
  if (Happens(plan_.stop)) StopAndStart();
}

std::string World::Run(uint64_t steps) {
  for (uint64_t i = 0; i < steps && oracle_.violation().empty(); ++i) {
    Step();
    if (pipeline_ != nullptr && i % 8 == 0) oracle_.Check(*pipeline_, committing_);
  }
  calm_ = true;
  store_.down = false;
  wall_shift_ns_ = 0;
  const auto done = [this] {
    return network_.empty() && waiting_.empty() && !committing_ &&
           std::all_of(producers_.begin(), producers_.end(),
                       [](const Producer& producer) { return producer.kept.empty(); });
  };
  for (int i = 0; i < 200'000 && oracle_.violation().empty() && !done(); ++i) Step();
  if (!done()) oracle_.Violate("I1", "something sent is never acknowledged, though all works");
  // One more commit, for what came after the last line.
  for (int i = 0; i < 10'000 && oracle_.violation().empty(); ++i) {
    StepShard();
    steady_ns_ += kMillisecond;
    StepCommitter();
    if (!committing_ && pipeline_->Read().rows.in_flight == 0 &&
        pipeline_->Read().queue_bytes == 0) {
      break;
    }
  }
  if (oracle_.violation().empty()) oracle_.CheckQuiet(*pipeline_);
  return oracle_.violation();
}

}  // namespace faultline::sim
