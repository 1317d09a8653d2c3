// Prints what the core costs in process: counting, closing panes, checkpoints, and memory.

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "daemon/core/shard/shard.h"
#include "daemon/runtime/shared_threads.h"
#include "tests/bench/figures.h"
#include "tests/support/streams.h"

// For jemalloc: memory that was given back is not resident.
extern "C" const char* malloc_conf;
const char* malloc_conf = "dirty_decay_ms:0,muzzy_decay_ms:0";

namespace faultline::bench {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kStart = 1'790'000'000 * kSecond;
using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

std::shared_ptr<const Settings> DefaultSettings() {
  const auto settings = Settings::Make(v1::Config(), 1);
  if (!settings.ok()) std::abort();
  return *settings;
}

// A thousand rows a second, so that a pane of ten seconds has ten thousand.
constexpr int64_t kStep = kSecond / 1'000;

class Stream {
 public:
  Stream(std::string model, uint32_t features, uint32_t rows, uint32_t batches) {
    const std::vector<double> values =
        testing::Normals(7, static_cast<size_t>(features) * rows * batches);
    size_t next = 0;
    for (uint32_t i = 0; i < batches; ++i) {
      auto batch = std::make_shared<EventBatch>();
      batch->model = model;
      batch->version = "1";
      batch->rows = rows;
      batch->times_ns.resize(rows);
      for (uint32_t feature = 0; feature < features; ++feature) {
        Column& column = batch->columns.emplace_back();
        column.name = "feature_" + std::to_string(feature);
        column.numbers.assign(values.begin() + static_cast<ptrdiff_t>(next),
                              values.begin() + static_cast<ptrdiff_t>(next + rows));
        next += rows;
      }
      batches_.push_back(std::move(batch));
    }
  }

  void SkipTo(int64_t time_ns) { at_ = time_ns; }
  // The next batch, later in time than the one before.
  std::shared_ptr<EventBatch> Next() {
    const std::shared_ptr<EventBatch>& batch = batches_[next_++ % batches_.size()];
    for (int64_t& time : batch->times_ns) time = (at_ += kStep);
    batch->received_ns = at_;
    return batch;
  }

 private:
  std::vector<std::shared_ptr<EventBatch>> batches_;
  size_t next_ = 0;
  int64_t at_ = kStart;
};

void Feed(Stream* stream, uint32_t batches, Shard* shard) {
  Effects effects;
  for (uint32_t i = 0; i < batches; ++i) {
    BatchResult result;
    shard->Apply(stream->Next(), &result, &effects);
    if (result.applied_rows == 0) std::abort();
    effects.writes.clear();
  }
}

void Counting(uint32_t features, uint32_t rows, uint32_t distinct_batches, uint32_t batches) {
  Shard shard(DefaultSettings());
  Stream stream("credit", features, rows, distinct_batches);
  Feed(&stream, 40'000 / rows, &shard);  // Learnt, and three panes closed.
  double best = 1e300;
  for (int repeat = 0; repeat < 5; ++repeat) {
    const auto begin = Clock::now();
    Feed(&stream, batches, &shard);
    best = std::min(best, SecondsSince(begin));
  }
  const double values = static_cast<double>(features) * rows * batches;
  Print("core." + std::to_string(features) + "_features." + std::to_string(rows) + "_rows",
        best * 1e9 / values, "ns/value", 12, Better::kLower);
}

// One event per batch, just decoded.
void SingleEvents(uint32_t features) {
  Shard shard(DefaultSettings());
  Stream warm("credit", features, 1'000, 4);
  Feed(&warm, 40, &shard);
  const std::vector<double> values = testing::Normals(9, size_t{1} << 20);
  Stream stream("credit", features, 1, 1);
  stream.SkipTo(kStart + 100 * kSecond);
  Effects effects;
  double best = 1e300;
  size_t next = 0;
  for (int repeat = 0; repeat < 5; ++repeat) {
    double took = 0;
    constexpr int kEvents = 10'000;
    for (int i = 0; i < kEvents; ++i) {
      const std::shared_ptr<EventBatch> batch = stream.Next();
      for (Column& column : batch->columns) column.numbers[0] = values[next++ % values.size()];
      const auto begin = Clock::now();
      BatchResult result;
      shard.Apply(batch, &result, &effects);
      took += SecondsSince(begin);
      if (result.applied_rows == 0) std::abort();
      effects.writes.clear();
    }
    best = std::min(best, took / kEvents);
  }
  const std::string name = "core." + std::to_string(features) + "_features.1_row";
  Print(name, best / features * 1e9, "ns/value");
  Print(name, 1 / best, "events/s");
}

// The same work by one shard, and by two at once on threads of their own.
void TwoShards() {
  constexpr uint32_t kFeatures = 64, kRows = 256, kDistinct = 80, kFed = 1'500;
  std::vector<std::unique_ptr<Shard>> shards;
  std::vector<Stream> streams;
  for (const char* model : {"credit", "fraud"}) {
    shards.push_back(std::make_unique<Shard>(DefaultSettings()));
    streams.emplace_back(model, kFeatures, kRows, kDistinct);
    Feed(&streams.back(), 40'000 / kRows, shards.back().get());
  }
  double one = 1e300, two = 1e300;
  for (int repeat = 0; repeat < 5; ++repeat) {
    auto begin = Clock::now();
    Feed(&streams[0], kFed, shards[0].get());
    one = std::min(one, SecondsSince(begin));
    begin = Clock::now();
    std::thread other([&] { Feed(&streams[1], kFed, shards[1].get()); });
    Feed(&streams[0], kFed, shards[0].get());
    other.join();
    two = std::min(two, SecondsSince(begin));
  }
  Print("core.two_shards_speedup", 2 * one / two, "times", 1.7, Better::kHigher);
}

// One model that is too much for its shard, alone and with a thread that helps.
void HotModel() {
  constexpr uint32_t kFeatures = 64, kRows = 1'024, kDistinct = 20, kFed = 400;
  SharedThreads helpers(1);
  Shard shard(DefaultSettings());
  Stream stream("credit", kFeatures, kRows, kDistinct);
  Feed(&stream, 40'000 / kRows, &shard);
  double alone = 1e300, helped = 1e300;
  for (int repeat = 0; repeat < 5; ++repeat) {
    for (double* best : {&alone, &helped}) {
      shard.SetHelpers(best == &helped ? &helpers : nullptr);
      const auto begin = Clock::now();
      Feed(&stream, kFed, &shard);
      *best = std::min(*best, SecondsSince(begin));
    }
  }
  Print("core.hot_model_speedup", alone / helped, "times", 1.7, Better::kHigher);
}

// Of panes with ten thousand rows, 30 of them in the window.
void Closing(uint32_t features) {
  Shard shard(DefaultSettings());
  Stream stream("credit", features, 1'000, 4);
  Feed(&stream, 5 + 40 * 10, &shard);
  double counting = 1e300, closing = 1e300, checkpoint = 1e300;
  for (int i = 0; i < 300; ++i) {
    Effects effects;
    BatchResult result;
    auto begin = Clock::now();
    shard.Apply(stream.Next(), &result, &effects);
    double& least = effects.writes.empty() ? counting : closing;
    least = std::min(least, SecondsSince(begin));
    begin = Clock::now();
    shard.TakeCheckpoint(&effects);
    checkpoint = std::min(checkpoint, SecondsSince(begin));
  }
  Print("core.close", (closing - counting) / features * 1e6, "us/signal");
  Print("core.checkpoint", checkpoint / features * 1e6, "us/signal");
}

double ResidentBytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  long size = 0, resident = 0;
  if (file == nullptr || std::fscanf(file, "%ld %ld", &size, &resident) != 2) std::abort();
  std::fclose(file);
  return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

// Ten thousand signals of five models, with 30 panes of a thousand rows in the window.
void Memory() {
  constexpr uint32_t kModels = 5, kFeatures = 2'000, kRows = 1'000, kBatches = 60;
  v1::Config config;
  config.mutable_defaults()->mutable_pane()->set_rows(kRows);
  const auto settings = Settings::Make(config, 1);
  if (!settings.ok()) std::abort();
  double before = 0, after = 0, said = 0;
  {
    std::vector<Stream> streams;
    for (uint32_t i = 0; i < kModels; ++i) {
      streams.emplace_back("model" + std::to_string(i), kFeatures, kRows, 1);
    }
    Shard shard(*settings);
    before = ResidentBytes();
    for (uint32_t i = 0; i < kBatches; ++i) {
      for (Stream& stream : streams) {
        Feed(&stream, 1, &shard);
        Effects effects;
        shard.TakeCheckpoint(&effects);
      }
    }
    after = ResidentBytes();
    said = static_cast<double>(shard.memory_bytes());
  }
  const double signals = kModels * kFeatures;
  Print("core.memory.10000_signals.resident", (after - before) / signals / 1e3, "kB/signal", 10,
        Better::kLower);
  Print("core.memory.10000_signals.counted", said / signals / 1e3, "kB/signal");
}

int Main() {
  Counting(20, 1'000, 60, 300);
  Counting(128, 1'000, 10, 100);
  Counting(20, 256, 240, 1'000);
  SingleEvents(128);
  Closing(128);
  TwoShards();
  HotModel();
  Memory();
  return 0;
}

}  // namespace
}  // namespace faultline::bench

int main() { return faultline::bench::Main(); }
