#include "daemon/runtime/pipeline.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <string>

#include "base/clock.h"
#include "daemon/core/contract/event.h"
#include "faultline/v1/config.pb.h"
#include "storage/memory_store.h"
#include "storage/tables/keys.h"
#include "tests/support/faulty_store.h"
#include "tests/support/streams.h"
#include "tests/support/wait.h"

namespace faultline {
namespace {

using testing::WaitUntil;

constexpr int64_t kStart = 1'700'000'000'000'000'000;

std::shared_ptr<const Settings> MakeSettings(uint32_t shards = 2, const char* queue = "64MiB",
                                             const char* interval = "1ms") {
  v1::Config config;
  config.set_data_folder("/nonexistent");
  config.set_shards(shards);
  config.mutable_commit()->set_interval(interval);
  config.mutable_limits()->set_queue(queue);
  v1::ModelConfig* defaults = config.mutable_defaults();
  defaults->mutable_pane()->set_rows(100);
  defaults->set_window_panes(3);
  defaults->mutable_reference()->set_learn_rows(200);
  defaults->add_detectors()->mutable_psi()->set_threshold(0.5);
  defaults->add_detectors()->mutable_page_hinkley()->set_threshold(40);
  absl::StatusOr<std::shared_ptr<const Settings>> settings = Settings::Make(config);
  EXPECT_TRUE(settings.ok()) << settings.status();
  return *settings;
}

// Batch `index` of a stream: always the same rows.
std::unique_ptr<EventBatch> MakeBatch(const std::string& model, uint64_t index,
                                      uint32_t rows = 20) {
  auto batch = std::make_unique<EventBatch>();
  batch->model = model;
  batch->version = "1";
  batch->rows = rows;
  batch->received_ns = kStart + 3'600'000'000'000;
  batch->bytes = 1'000;
  Column x;
  x.name = "x";
  Column kind;
  kind.name = "kind";
  kind.type = ColumnType::kString;
  kind.dictionary = {"a", "b", "c"};
  testing::Random random(index + 1);
  for (uint32_t row = 0; row < rows; ++row) {
    batch->times_ns.push_back(kStart + static_cast<int64_t>(index * rows + row) * 1'000'000);
    x.numbers.push_back(random.Normal() + (index > 60 ? 3.0 : 0.0));
    kind.codes.push_back(static_cast<uint32_t>(random.Below(3)));
  }
  batch->columns = {x, kind};
  return batch;
}

struct Collected {
  std::mutex mutex;
  std::vector<uint64_t> order;
  uint64_t applied = 0;
  uint64_t duplicate = 0;

  Pipeline::BatchDone Done(uint64_t sequence) {
    return [this, sequence](const BatchResult& result) {
      std::lock_guard lock(mutex);
      order.push_back(sequence);
      applied += result.applied_rows;
      duplicate += result.duplicate_rows;
    };
  }
  size_t size() {
    std::lock_guard lock(mutex);
    return order.size();
  }
};

Admission Send(Pipeline* pipeline, const std::string& model, uint64_t sequence,
               Collected* collected, uint64_t* expected = nullptr) {
  std::unique_ptr<EventBatch> batch = MakeBatch(model, sequence);
  uint64_t ignored = 0;
  return pipeline->Submit(&batch, {"p", 1, sequence}, collected->Done(sequence),
                          expected == nullptr ? &ignored : expected);
}

std::map<std::string, std::string> Dump(const Store& store) {
  std::map<std::string, std::string> all;
  EXPECT_TRUE(store
                  .Scan("", "",
                        [&](std::string_view key, std::string_view value) {
                          const absl::StatusOr<Key> parsed = ParseKey(key);
                          if (!parsed.ok() || CountsInStateDigest(*parsed)) {
                            all.emplace(key, value);
                          }
                          return true;
                        })
                  .ok());
  return all;
}

void Break(FaultyStore* store, const absl::Status& status) {
  store->FailReopen(UINT64_MAX, status);
  store->FailCommit(1, status);
}

void Heal(FaultyStore* store) { store->FailReopen(0, absl::OkStatus()); }

void ExpectRowsAddUp(const RowTotals& rows) {
  EXPECT_EQ(rows.received,
            rows.applied + rows.duplicate + rows.late + rows.rejected + rows.shed + rows.in_flight);
}

TEST(Pipeline, WhatABatchCausesIsItsProducers) {
  const std::unique_ptr<Store> store = NewMemoryStore();
  std::mutex mutex;
  std::vector<Principal> causes;
  Collected collected;
  Pipeline pipeline(MakeSettings(), store.get(), nullptr,
                    [&](uint64_t, const IncidentChange& change) {
                      std::lock_guard lock(mutex);
                      causes.push_back(change.by);
                    });
  ASSERT_TRUE(pipeline.Start().ok());
  for (uint64_t sequence = 1; sequence <= 100; ++sequence)
    Send(&pipeline, "m", sequence, &collected);
  ASSERT_TRUE(WaitUntil([&] { return collected.size() == 100; }));
  pipeline.Stop();
  ASSERT_FALSE(causes.empty()) << "the numbers moved";
  for (const Principal& by : causes) EXPECT_EQ(by, Principal::Producer("p"));
}

TEST(Pipeline, AnswersInOrderAfterTheCommit) {
  const std::unique_ptr<Store> store = NewMemoryStore();
  Collected collected;
  Pipeline pipeline(MakeSettings(), store.get(), nullptr, nullptr);
  ASSERT_TRUE(pipeline.Start().ok());
  for (uint64_t sequence = 1; sequence <= 50; ++sequence) {
    // Models on both shards, one producer.
    ASSERT_EQ(Send(&pipeline, sequence % 2 == 0 ? "m0" : "m3", sequence, &collected),
              Admission::kAccepted);
  }
  ASSERT_TRUE(WaitUntil([&] { return collected.size() == 50; }));
  EXPECT_TRUE(std::is_sorted(collected.order.begin(), collected.order.end()));
  EXPECT_EQ(collected.applied, 1'000u);
  EXPECT_EQ(pipeline.Greet("p", 1).value(), 50u);
  ExpectRowsAddUp(pipeline.Read().rows);
  EXPECT_EQ(pipeline.Read().rows.applied, 1'000u);
  ASSERT_NE(pipeline.ReadModel("m0", "1"), nullptr);
  EXPECT_EQ(pipeline.ReadModel("m0", "1")->totals.applied_rows, 500u);
}

// A store that is behind with its merging.
class BusyStore final : public StoreWrapper {
 public:
  using StoreWrapper::StoreWrapper;
  absl::Status Commit(const std::vector<StateWrite>& writes, bool sync) override {
    return inner_->Commit(writes, sync);
  }
  absl::Status Reopen() override { return inner_->Reopen(); }
  uint64_t compaction_debt_bytes() const override { return 12'345; }
};

TEST(Pipeline, ShowsHowFarTheStoreIsBehind) {
  const std::unique_ptr<Store> memory = NewMemoryStore();
  BusyStore store(memory.get());
  Pipeline pipeline(MakeSettings(), &store, nullptr, nullptr);
  ASSERT_TRUE(pipeline.Start().ok());
  EXPECT_EQ(pipeline.Read().compaction_debt_bytes, 12'345u);
}

TEST(Pipeline, SaysWhatMemoryNothingExplains) {
  constexpr uint64_t kMiB = 1 << 20;
  const std::unique_ptr<Store> store = NewMemoryStore();
  std::atomic<uint64_t> resident = 0;
  PipelineDrive drive;
  drive.resident_bytes = [&] { return resident.load(); };
  Settings settings = *MakeSettings();
  for (const uint64_t ceiling : {uint64_t{0}, 800 * kMiB}) {
    settings.limits.memory_bytes = ceiling;
    Pipeline pipeline(std::make_shared<Settings>(settings), store.get(), nullptr, nullptr, drive);
    ASSERT_TRUE(pipeline.Start().ok());
    const auto unexplained = [&](uint64_t mebibytes) {
      resident = mebibytes * kMiB;
      return pipeline.unexplained_bytes();
    };
    EXPECT_EQ(unexplained(500), 0u) << "there is room";
    // An empty core explains three eighths of the ceiling, and next to nothing besides.
    const uint64_t most = ceiling == 0 ? 0 : 300 * kMiB;
    EXPECT_LE(unexplained(600), most);
    EXPECT_GE(unexplained(600) + kMiB, most);
  }
}

TEST(Pipeline, DuplicatesAreCountedAndNotApplied) {
  const std::unique_ptr<Store> store = NewMemoryStore();
  Collected collected;
  Pipeline pipeline(MakeSettings(), store.get(), nullptr, nullptr);
  ASSERT_TRUE(pipeline.Start().ok());
  uint64_t expected = 0;
  EXPECT_EQ(Send(&pipeline, "m", 1, &collected), Admission::kAccepted);
  EXPECT_EQ(Send(&pipeline, "m", 1, &collected), Admission::kDuplicate);
  EXPECT_EQ(Send(&pipeline, "m", 3, &collected, &expected), Admission::kOutOfOrder);
  EXPECT_EQ(expected, 2u);
  ASSERT_TRUE(WaitUntil([&] { return collected.size() == 2; }));
  EXPECT_EQ(collected.applied, 20u);
  EXPECT_EQ(collected.duplicate, 20u);
  pipeline.CountRejected(v1::REJECT_REASON_DECODE, 3);
  pipeline.CountShed(2);
  ASSERT_TRUE(WaitUntil([&] { return pipeline.Read().rows.shed == 2; }));
  const RowTotals rows = pipeline.Read().rows;
  EXPECT_EQ(rows.rejected_by_reason.at("decode"), 3u);
  ExpectRowsAddUp(rows);
}

TEST(Pipeline, ABrokenStoreStopsAnswersAndLosesNothing) {
  const std::unique_ptr<Store> memory = NewMemoryStore();
  FaultyStore store(memory.get());
  Collected collected;
  Pipeline pipeline(MakeSettings(), &store, nullptr, nullptr);
  ASSERT_TRUE(pipeline.Start().ok());
  ASSERT_EQ(Send(&pipeline, "m", 1, &collected), Admission::kAccepted);
  ASSERT_TRUE(WaitUntil([&] { return collected.size() == 1; }));
  Break(&store, absl::ResourceExhaustedError("no space left on device"));
  ASSERT_EQ(Send(&pipeline, "m", 2, &collected), Admission::kAccepted);
  ASSERT_TRUE(WaitUntil([&] { return !pipeline.ready().ok(); }));
  EXPECT_EQ(pipeline.ready().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(collected.size(), 1u);
  EXPECT_GE(pipeline.Read().commit_failures, 1u);
  Heal(&store);
  ASSERT_TRUE(WaitUntil([&] { return collected.size() == 2; }));
  EXPECT_TRUE(pipeline.ready().ok());
  EXPECT_EQ(pipeline.Greet("p", 1).value(), 2u);
  EXPECT_EQ(pipeline.ReadModel("m", "1")->totals.applied_rows, 40u);
}

TEST(Pipeline, WhatIsInsideIsBoundedAndWaitersAreWoken) {
  const std::unique_ptr<Store> memory = NewMemoryStore();
  FaultyStore store(memory.get());
  Collected collected;
  std::atomic<bool> woken = false;
  Pipeline pipeline(MakeSettings(1, "4KiB"), &store, nullptr, nullptr);
  ASSERT_TRUE(pipeline.Start().ok());
  Break(&store, absl::UnavailableError("stalled"));
  uint64_t sequence = 1;
  while (Send(&pipeline, "m", sequence, &collected) == Admission::kAccepted) ++sequence;
  EXPECT_EQ(sequence, 5u) << "four batches of 1000 bytes fit into 4 KiB";
  EXPECT_EQ(Send(&pipeline, "m", sequence, &collected), Admission::kFull);
  pipeline.WhenSpace([&] { woken = true; });
  EXPECT_FALSE(woken);
  Heal(&store);
  ASSERT_TRUE(WaitUntil([&] { return woken.load(); }));
  // A wake-up is a reason to try again, not a promise: the commit may have held little.
  EXPECT_TRUE(WaitUntil(
      [&] { return Send(&pipeline, "m", sequence, &collected) == Admission::kAccepted; }));
}

// Producers that time out and try again, and people who do, for as long as the disk is full.
TEST(Pipeline, RetriesAndCommandsAreBoundedToo) {
  const std::unique_ptr<Store> memory = NewMemoryStore();
  FaultyStore store(memory.get());
  Collected collected;
  Pipeline pipeline(MakeSettings(1, "100KiB"), &store, nullptr, nullptr);
  ASSERT_TRUE(pipeline.Start().ok());
  Break(&store, absl::UnavailableError("stalled"));
  ASSERT_EQ(Send(&pipeline, "m", 1, &collected), Admission::kAccepted);
  size_t retries = 0;
  while (retries < 1'000 && Send(&pipeline, "m", 1, &collected) == Admission::kDuplicate) ++retries;
  EXPECT_EQ(retries, 88u) << "its share of 100 KiB, with the first";
  std::atomic<int> refused = 0;
  std::atomic<int> answered = 0;
  for (int i = 0; i < 1'000; ++i) {
    pipeline.Run("m", Principal::Person("ada"), DeleteModel{"other", "1"},
                 [&](const CommandResult& result) {
                   ++(absl::IsResourceExhausted(result.status) ? refused : answered);
                 });
  }
  EXPECT_EQ(refused, 1'000 - 256);
  Heal(&store);
  ASSERT_TRUE(WaitUntil([&] { return answered == 256 && collected.size() == 89; }));
  EXPECT_EQ(Send(&pipeline, "m", 2, &collected), Admission::kAccepted);
  pipeline.Stop();
  ExpectRowsAddUp(pipeline.Read().rows);
}

// Panes that close write far more than the rows that close them; that counts as well.
TEST(Pipeline, WhatTheCoreMakesOfABatchIsBoundedToo) {
  const std::unique_ptr<Store> memory = NewMemoryStore();
  FaultyStore store(memory.get());
  Collected collected;
  Pipeline pipeline(MakeSettings(1, "1MiB"), &store, nullptr, nullptr);
  ASSERT_TRUE(pipeline.Start().ok());
  uint64_t sequence = 1;
  for (; sequence <= 15; ++sequence) {
    ASSERT_EQ(Send(&pipeline, "m", sequence, &collected), Admission::kAccepted);
  }
  ASSERT_TRUE(WaitUntil([&] { return collected.size() == 15; }));
  Break(&store, absl::UnavailableError("stalled"));
  const uint64_t first = sequence;
  while (sequence < 5'000) {
    const Admission admission = Send(&pipeline, "m", sequence, &collected);
    if (admission == Admission::kFull) break;
    ASSERT_EQ(admission, Admission::kAccepted);
    // So that the core keeps up.
    if (++sequence % 32 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  // Batches are charged 1 KiB each; without the panes they close, 1024 of them would fit.
  EXPECT_LT(sequence - first, 1'024u);
  Heal(&store);
  ASSERT_TRUE(WaitUntil([&] { return collected.size() == sequence - 1; }));
  EXPECT_TRUE(WaitUntil([&] { return pipeline.Read().queue_bytes == 0; }));
}

TEST(Pipeline, StopAppliesAndCommitsWhatIsIn) {
  const std::unique_ptr<Store> store = NewMemoryStore();
  Collected collected;
  {
    Pipeline pipeline(MakeSettings(), store.get(), nullptr, nullptr);
    ASSERT_TRUE(pipeline.Start().ok());
    for (uint64_t sequence = 1; sequence <= 30; ++sequence) {
      ASSERT_EQ(Send(&pipeline, "m", sequence, &collected), Admission::kAccepted);
    }
    pipeline.Stop();
    EXPECT_EQ(Send(&pipeline, "m", 31, &collected), Admission::kStopping);
    EXPECT_EQ(collected.size(), 30u);
  }
  Pipeline again(MakeSettings(), store.get(), nullptr, nullptr);
  ASSERT_TRUE(again.Start().ok());
  EXPECT_EQ(again.Greet("p", 1).value(), 30u);
  ASSERT_NE(again.ReadModel("m", "1"), nullptr) << "what is restored shows at once";
  EXPECT_EQ(again.ReadModel("m", "1")->totals.applied_rows, 600u);
  ExpectRowsAddUp(again.Read().rows);
  EXPECT_EQ(again.Read().rows.applied, 600u) << "totals go on over restarts";
}

TEST(Pipeline, TicksDoNotShortenTheCommitInterval) {
  const std::unique_ptr<Store> store = NewMemoryStore();
  const int64_t begin_ns = SteadyNowNs();
  Pipeline pipeline(MakeSettings(2, "64MiB", "10s"), store.get(), nullptr, nullptr);
  ASSERT_TRUE(pipeline.Start().ok());
  ASSERT_TRUE(WaitUntil([&] { return pipeline.Read().commits == 1; }));
  // Longer than a tick. Only a machine that needs ten seconds for it says nothing.
  ASSERT_TRUE(WaitUntil([&] { return SteadyNowNs() - begin_ns > 1'500'000'000; }));
  const uint64_t commits = pipeline.Read().commits;
  if (SteadyNowNs() - begin_ns < 10'000'000'000) {
    EXPECT_EQ(commits, 1u);
  }
}

// Limits are divided by it.
TEST(Pipeline, ANewNumberOfShardsWaitsForARestart) {
  const std::unique_ptr<Store> store = NewMemoryStore();
  Pipeline pipeline(MakeSettings(2), store.get(), nullptr, nullptr);
  ASSERT_TRUE(pipeline.Start().ok());
  pipeline.Run("", Principal::Configuration(), ApplySettings{MakeSettings(7, "8MiB")}, nullptr);
  EXPECT_EQ(pipeline.settings()->shards, 2u);
  EXPECT_EQ(pipeline.settings()->limits.queue_bytes, 8u << 20);
}

// The property everything rests on: with one producer, stops and starts at any point leave the
// same bytes as a run that was never interrupted.
TEST(Pipeline, RestartsLeaveTheSameBytes) {
  constexpr uint64_t kBatches = 120;
  const std::unique_ptr<Store> steady = NewMemoryStore();
  const std::unique_ptr<Store> restarted = NewMemoryStore();
  Collected collected;
  {
    Pipeline pipeline(MakeSettings(), steady.get(), nullptr, nullptr);
    ASSERT_TRUE(pipeline.Start().ok());
    for (uint64_t sequence = 1; sequence <= kBatches; ++sequence) {
      ASSERT_EQ(Send(&pipeline, "m", sequence, &collected), Admission::kAccepted);
    }
  }
  testing::Random random(5);
  for (uint64_t next = 1; next <= kBatches;) {
    Pipeline pipeline(MakeSettings(next % 2 == 0 ? 1 : 3), restarted.get(), nullptr, nullptr);
    ASSERT_TRUE(pipeline.Start().ok());
    ASSERT_EQ(pipeline.Greet("p", 1).value(), next - 1);
    for (uint64_t count = 1 + random.Below(15); count > 0 && next <= kBatches; --count, ++next) {
      ASSERT_EQ(Send(&pipeline, "m", next, &collected), Admission::kAccepted);
    }
  }
  const std::map<std::string, std::string> a = Dump(*steady);
  const std::map<std::string, std::string> b = Dump(*restarted);
  ASSERT_GT(a.size(), 5u);
  for (const auto& [key, value] : a) {
    const auto found = b.find(key);
    ASSERT_NE(found, b.end()) << DescribeKey(key);
    EXPECT_EQ(value, found->second) << DescribeKey(key);
  }
  EXPECT_EQ(a.size(), b.size());
}

}  // namespace
}  // namespace faultline
