#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "daemon/client/producer.h"
#include "faultline/v1/event.pb.h"
#include "tests/support/daemon_calls.h"
#include "tests/support/daemon_child.h"
#include "tests/support/streams.h"

// Nothing acknowledged is lost, nothing is applied twice: the real daemon is killed with SIGKILL
// again and again under load.

namespace faultline::testing {
namespace {

constexpr uint32_t kBatchRows = 500;
constexpr int64_t kStartNs = 1'700'000'000'000'000'000;

// One model with panes by rows, one with panes by event time.
constexpr char kConfig[] = R"(
shards: 2
commit: {interval: 20ms}
defaults:
  window_panes: 4
  idle_close: 1h
  reference: {learn_rows: 3000}
  detectors:
    - psi: {threshold: 0.3}
    - kolmogorov_smirnov: {threshold: 0.2}
    - page_hinkley: {threshold: 60}
    - missing_rate: {threshold: 0.2}
    - unseen_category: {threshold: 0.05}
models:
  - name: rows
    pane: {rows: 2000}
  - name: timed
    pane: {length: 10s}
)";

// Batch `index` of producer `producer`: the same bytes at every call.
v1::InferenceBatch MakeBatch(uint64_t producer, uint64_t index) {
  Random random(producer * 1'000'003 + index);
  v1::InferenceBatch batch;
  batch.set_model(index % 2 == 0 ? "rows" : "timed");
  batch.set_version("1");
  batch.set_rows(kBatchRows);
  const bool shifted = index % 400 > 300;
  v1::Column* x = batch.add_columns();
  x->set_name("x");
  v1::Column* y = batch.add_columns();
  y->set_name("y");
  std::string nulls(kBatchRows / 8 + 1, '\0');
  v1::Column* kind = batch.add_columns();
  kind->set_name("kind");
  for (const char* category : {"a", "b", "c", "new"}) {
    kind->mutable_strings()->add_dictionary(category);
  }
  for (uint32_t row = 0; row < kBatchRows; ++row) {
    batch.add_event_times_unix_nano(static_cast<uint64_t>(kStartNs) +
                                    (index / 2 * kBatchRows + row) * 2'000'000);
    x->mutable_doubles()->add_values(random.Normal() + (shifted ? 2 : 0));
    y->mutable_doubles()->add_values(random.Uniform());
    if (random.Below(10) == 0) nulls[row / 8] = static_cast<char>(nulls[row / 8] | 1 << row % 8);
    kind->mutable_strings()->add_codes(static_cast<uint32_t>(random.Below(shifted ? 4 : 3)));
  }
  y->set_null_bitmap(nulls);
  return batch;
}

std::unique_ptr<cli::Producer> Connect(const DaemonChild& daemon, uint64_t producer) {
  cli::ProducerOptions options;
  options.address = daemon.socket_address();
  options.id = "producer-" + std::to_string(producer);
  options.give_up_after = std::chrono::minutes(5);
  auto connected = cli::Producer::Connect(options);
  EXPECT_TRUE(connected.ok()) << connected.status();
  return connected.ok() ? std::move(*connected) : nullptr;
}

void SendAll(cli::Producer* producer, uint64_t number, uint64_t batches,
             std::atomic<uint64_t>* sent) {
  for (uint64_t index = 0; index < batches; ++index) {
    const auto sequence = producer->Send(MakeBatch(number, index));
    ASSERT_TRUE(sequence.ok()) << sequence.status();
    ++*sent;
  }
  const absl::Status flushed = producer->Flush(std::chrono::minutes(5));
  ASSERT_TRUE(flushed.ok()) << flushed;
}

// Sends everything while the daemon is killed `kills` times at points spread over the run.
void RunUnderFire(DaemonChild* daemon, uint64_t producers, uint64_t batches, int kills) {
  std::vector<std::unique_ptr<cli::Producer>> connected;
  std::atomic<uint64_t> sent = 0;
  std::vector<std::thread> senders;
  for (uint64_t number = 0; number < producers; ++number) {
    connected.push_back(Connect(*daemon, number));
    ASSERT_NE(connected.back(), nullptr);
    senders.emplace_back([&, number] { SendAll(connected[number].get(), number, batches, &sent); });
  }
  Random random(static_cast<uint64_t>(kills) + 99);
  const uint64_t all = batches * producers;
  for (int kill = 1; kill <= kills; ++kill) {
    const uint64_t point = all * static_cast<uint64_t>(kill) / static_cast<uint64_t>(kills + 1);
    EXPECT_TRUE(WaitUntil([&] { return sent >= point; }, std::chrono::seconds(300)));
    std::this_thread::sleep_for(std::chrono::microseconds(random.Below(30'000)));
    daemon->Kill();
    ASSERT_TRUE(daemon->Start()) << daemon->log();
  }
  for (std::thread& sender : senders) sender.join();
  for (const auto& producer : connected) {
    const cli::ProducerTotals totals = producer->totals();
    EXPECT_EQ(totals.unacknowledged_rows, 0u);
    EXPECT_EQ(totals.rejected_rows, 0u);
    EXPECT_EQ(totals.sent_rows, batches * kBatchRows);
  }
}

uint64_t BatchesPerRun() {
  const char* longer = std::getenv("FAULTLINE_LONG_TESTS");
  return longer != nullptr ? 10'000 : 2'000;  // 2000 batches of 500 rows: a million rows
}

TEST(Crash, OneProducerLeavesTheSameBytesAsAnUninterruptedRun) {
  const uint64_t batches = BatchesPerRun();
  DaemonChild steady(FAULTLINE_BINARY, kConfig);
  ASSERT_TRUE(steady.Start()) << steady.log();
  RunUnderFire(&steady, 1, batches, 0);
  const v1::DigestStateResponse expected = DigestState(steady);
  ASSERT_GT(expected.keys(), 10u);
  EXPECT_EQ(steady.Terminate(), 0) << steady.log();

  DaemonChild killed(FAULTLINE_BINARY, kConfig);
  ASSERT_TRUE(killed.Start()) << killed.log();
  RunUnderFire(&killed, 1, batches, 20);
  const v1::DigestStateResponse found = DigestState(killed);
  EXPECT_EQ(found.keys(), expected.keys());
  EXPECT_EQ(found.digest(), expected.digest());
  const v1::GetStatusResponse status = GetStatus(killed);
  EXPECT_EQ(status.rows().at("applied"), batches * kBatchRows);
}

TEST(Crash, WithTwoProducersEveryRowCountsOnce) {
  const uint64_t batches = BatchesPerRun() / 2;
  DaemonChild daemon(FAULTLINE_BINARY, kConfig);
  ASSERT_TRUE(daemon.Start()) << daemon.log();
  RunUnderFire(&daemon, 2, batches, 20);
  uint64_t counted = 0;
  for (const char* name : {"rows", "timed"}) {
    const v1::Model model = GetModel(daemon, name, "1");
    counted += model.applied_rows() + model.late_rows();
    EXPECT_EQ(model.rejected_rows(), 0u);
  }
  // Two producers run apart in event time, so some rows are late; each is counted once.
  EXPECT_EQ(counted, 2 * batches * kBatchRows);
  EXPECT_EQ(GetModel(daemon, "rows", "1").late_rows(), 0u);
  EXPECT_EQ(GetModel(daemon, "rows", "1").applied_rows(), batches * kBatchRows);
  // A batch that was committed and not yet acknowledged may be sent twice; it is not applied twice.
  const auto rows = GetStatus(daemon).rows();
  EXPECT_EQ(rows.at("applied") + rows.at("late"), 2 * batches * kBatchRows);
  EXPECT_EQ(rows.at("rejected") + rows.at("shed"), 0u);
}

}  // namespace
}  // namespace faultline::testing
