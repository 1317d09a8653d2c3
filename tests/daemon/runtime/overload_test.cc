#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "daemon/core/contract/event.h"
#include "daemon/runtime/memory.h"
#include "daemon/runtime/pipeline.h"
#include "faultline/v1/config.pb.h"
#include "storage/memory_store.h"
#include "tests/storage/temporary_folder.h"

namespace faultline {
namespace {

constexpr int64_t kStart = 1'700'000'000'000'000'000;
constexpr uint64_t kMiB = 1 << 20;

std::shared_ptr<const Settings> MakeSettings(const char* queue, const char* memory) {
  v1::Config config;
  config.set_data_folder("/nonexistent");
  config.set_shards(1);
  config.mutable_limits()->set_queue(queue);
  config.mutable_limits()->set_memory(memory);
  absl::StatusOr<std::shared_ptr<const Settings>> settings = Settings::Make(config);
  EXPECT_TRUE(settings.ok()) << settings.status();
  return *settings;
}

// A pipeline that the test steps, with a clock and a memory that the test sets.
class Overload : public ::testing::Test {
 protected:
  void Open(const char* queue, const char* memory = "") {
    PipelineDrive drive;
    drive.clock.steady_ns = [this] { return now_ns_; };
    drive.clock.wall_ns = [this] { return kStart + now_ns_; };
    drive.resident_bytes = [this] { return resident_; };
    drive.threads = false;
    pipeline_ = std::make_unique<Pipeline>(MakeSettings(queue, memory), store_.get(), nullptr,
                                           nullptr, std::move(drive));
    ASSERT_TRUE(pipeline_->Start().ok());
    Commit();
  }

  // Ten rows that are charged a KiB.
  Admission Send(const std::string& model, const std::string& producer) {
    auto batch = std::make_unique<EventBatch>();
    batch->model = model;
    batch->version = "1";
    batch->rows = 10;
    batch->received_ns = kStart;
    batch->bytes = 1'024;
    batch->times_ns.assign(10, kStart);
    Column& x = batch->columns.emplace_back();
    x.name = "x";
    x.numbers.assign(10, 1.0);
    uint64_t expected = 0;
    const uint64_t sequence = producer.empty() ? 0 : sequences_[producer] + 1;
    const Admission admission = pipeline_->Submit(
        &batch, {producer, 1, sequence}, [](const BatchResult&) {}, &expected);
    if (admission == Admission::kAccepted) sequences_[producer] = sequence;
    return admission;
  }
  uint64_t SendUntilFull(const std::string& model, const std::string& producer) {
    uint64_t sent = 0;
    while (sent < 10'000 && Send(model, producer) == Admission::kAccepted) ++sent;
    return sent;
  }

  void Commit() {
    now_ns_ += 2'000'000'000;
    for (bool committed = false; !committed;) {
      while (pipeline_->StepShard(0)) {
      }
      committed = pipeline_->StepCommitter().act == CommitterAct::kCommit;
      now_ns_ += 1'000'000;
    }
  }

  std::unique_ptr<Store> store_ = NewMemoryStore();
  int64_t now_ns_ = 1;
  uint64_t resident_ = 40 * kMiB;
  std::map<std::string, uint64_t> sequences_;
  std::unique_ptr<Pipeline> pipeline_;
};

TEST_F(Overload, WhoFloodsLeavesRoomForOthers) {
  Open("90KiB");
  EXPECT_EQ(SendUntilFull("loud", "a"), 80u) << "eight times what is free";
  EXPECT_EQ(Send("other", "a"), Admission::kFull) << "the producer holds its share, too";
  EXPECT_EQ(Send("loud", ""), Admission::kFull);
  uint64_t quiet = 0;
  for (const char* model : {"quiet", "small", "rare"}) {
    EXPECT_EQ(Send(model, "b"), Admission::kAccepted) << model;
    EXPECT_EQ(Send(model, ""), Admission::kAccepted) << model;
    quiet += 2;
  }
  EXPECT_EQ(SendUntilFull("flood", ""), 4u) << "nothing is free for any producer";
  Commit();
  EXPECT_EQ(SendUntilFull("loud", "a"), 80u);
  EXPECT_EQ(pipeline_->Read().rows.applied, 10 * (80 + quiet + 4));
}

TEST_F(Overload, TheQueueTakesWhatIsLeftUnderTheCeiling) {
  Open("1MiB", "96MiB");
  EXPECT_EQ(SendUntilFull("m", "a"), 911u) << "eight ninths of the queue";
  Commit();
  resident_ = 96 * kMiB - 90 * 1'024;
  now_ns_ += 1'000'000'000;
  EXPECT_EQ(SendUntilFull("m", "a"), 80u);
  Commit();
  // Above it, one at a time: it never stops altogether.
  resident_ = 200 * kMiB;
  now_ns_ += 1'000'000'000;
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Send("m", "a"), Admission::kAccepted);
    EXPECT_EQ(Send("m", "a"), Admission::kFull);
    EXPECT_EQ(Send("other", "b"), Admission::kFull);
    Commit();
  }
  resident_ = 40 * kMiB;
  now_ns_ += 1'000'000'000;
  EXPECT_EQ(SendUntilFull("m", "a"), 911u);
}

TEST(Memory, ACeilingIsDivided) {
  const auto settings = MakeSettings("64MiB", "240MiB");
  EXPECT_EQ(settings->limits.memory_bytes, 240 * kMiB);
  EXPECT_EQ(settings->limits.signals, 240 * kMiB / 2 / (24 << 10));
  EXPECT_EQ(settings->limits.queue_bytes, 30 * kMiB);
  EXPECT_EQ(settings->limits.reference_bytes, 30 * kMiB);
  EXPECT_EQ(MakeSettings("1MiB", "8GiB")->limits.signals, 50'000u);
  EXPECT_EQ(MakeSettings("1MiB", "8GiB")->limits.queue_bytes, kMiB);
}

void WriteFile(const std::filesystem::path& path, const std::string& text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

TEST(Memory, IsThatOfTheControlGroupOrOneAboveIt) {
  const TemporaryFolder folder;
  const std::string root = folder.path() + "/cgroup";
  const std::string groups = folder.path() + "/self";
  WriteFile(groups, "0::/kubepods/pod1/c2\n");
  EXPECT_EQ(ControlGroupMemory(groups, root), std::nullopt);
  WriteFile(root + "/kubepods/pod1/c2/memory.max", "max\n");
  EXPECT_EQ(ControlGroupMemory(groups, root), std::nullopt);
  WriteFile(root + "/kubepods/memory.max", "4000000000\n");
  EXPECT_EQ(ControlGroupMemory(groups, root), 4'000'000'000u);
  WriteFile(root + "/kubepods/pod1/c2/memory.max", "1000000\n");
  EXPECT_EQ(ControlGroupMemory(groups, root), 1'000'000u);
  // A container sees its own group as the root.
  WriteFile(groups, "0::/\n");
  WriteFile(root + "/memory.max", "5000\n");
  EXPECT_EQ(ControlGroupMemory(groups, root), 5'000u);
  // Version 1, beside others.
  WriteFile(groups, "5:cpu,cpuacct:/a\n4:memory:/a\n");
  WriteFile(root + "/memory/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(ControlGroupMemory(groups, root), std::nullopt);
  WriteFile(root + "/memory/a/memory.limit_in_bytes", "7000\n");
  EXPECT_EQ(ControlGroupMemory(groups, root), 7'000u);
  EXPECT_EQ(ControlGroupMemory(folder.path() + "/none", root), std::nullopt);
}

TEST(Memory, ACeilingIsNineTenthsOfTheGroupAndNeverTooLittleToStart) {
  EXPECT_EQ(CeilingWithin(1'000'000'000), 900'000'000u);
  for (const uint64_t allowed : {uint64_t{0}, 64 * kMiB, 8'000 * kMiB}) {
    v1::Config config;
    config.set_data_folder("/nonexistent");
    config.mutable_limits()->set_memory(std::to_string(CeilingWithin(allowed)));
    EXPECT_TRUE(Settings::Make(config).ok()) << allowed;
  }
}

TEST(Memory, ThisProcessTakesSome) { EXPECT_GT(ResidentBytes(), kMiB); }

}  // namespace
}  // namespace faultline
