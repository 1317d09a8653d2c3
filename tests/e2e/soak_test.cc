#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "daemon/client/producer.h"
#include "tests/support/daemon_calls.h"
#include "tests/support/daemon_child.h"
#include "tests/support/daemon_load.h"
#include "tests/support/streams.h"

// Everything at once for a given time: streams, single events over HTTP, reviewers, scrapes,
// reloads, kills. FAULTLINE_SOAK_SECONDS says how long; tests/soak.sh sets it.

namespace faultline::testing {
namespace {

constexpr char kConfig[] = R"(
commit: {interval: 20ms}
limits: {memory: 256MiB}
retention: {panes_bytes_max: 1MiB, incidents_max: 50}
recorder: {enabled: true, bytes_max: 16MiB}
defaults:
  pane: {rows: 2000}
  window_panes: 10
  reference: {learn_rows: 5000}
)";

int64_t SoakSeconds() {
  const char* text = std::getenv("FAULTLINE_SOAK_SECONDS");
  return text == nullptr ? 12 : std::max(4L, std::strtol(text, nullptr, 10));
}

// Twenty numbers and two categories, with another distribution in every fourth period of two
// seconds.
v1::InferenceBatch MakeBatch(const std::string& model, Random* random) {
  constexpr uint32_t kRows = 200;
  const bool shifted = WallNowNs() / 2'000'000'000 % 4 == 3;
  v1::InferenceBatch batch;
  batch.set_model(model);
  batch.set_version("1");
  batch.set_rows(kRows);
  for (int column = 0; column < 20; ++column) {
    v1::Column* x = batch.add_columns();
    x->set_name("x" + std::to_string(column));
    const double shift = shifted && column < 3 ? 2 : 0;
    for (uint32_t row = 0; row < kRows; ++row) {
      x->mutable_doubles()->add_values(random->Normal() + shift);
    }
  }
  for (const char* name : {"region", "device"}) {
    v1::Column* kind = batch.add_columns();
    kind->set_name(name);
    for (const char* word : {"a", "b", "c", "d"}) kind->mutable_strings()->add_dictionary(word);
    for (uint32_t row = 0; row < kRows; ++row) {
      kind->mutable_strings()->add_codes(static_cast<uint32_t>(random->Below(shifted ? 4 : 3)));
    }
  }
  return batch;
}

// One reading of the daemon from outside.
struct Sample {
  double second = 0;
  uint64_t resident_bytes = 0;
  uint64_t descriptors = 0;
  uint64_t files = 0;
  uint64_t folder_bytes = 0;
  uint64_t compaction_debt_bytes = 0;
};

class Soak : public ::testing::Test {
 protected:
  double Second() const { return static_cast<double>(SteadyNowNs() - start_ns_) * 1e-9; }
  bool Over() const { return Second() >= static_cast<double>(SoakSeconds()); }

  void Stream(const std::string& id) {
    std::mutex mutex;
    std::deque<int64_t> sent_ns;
    cli::ProducerOptions options;
    options.address = daemon_.socket_address();
    options.id = id;
    options.unacknowledged_bytes_max = 1 << 20;
    options.on_committed = [&](uint64_t, const v1::BatchOutcome&) {
      std::lock_guard lock(mutex);
      const double seconds = static_cast<double>(SteadyNowNs() - sent_ns.front()) * 1e-9;
      sent_ns.pop_front();
      std::lock_guard lock_all(results_mutex_);
      acknowledgements_s_.push_back(seconds);
    };
    auto producer = cli::Producer::Connect(options);
    ASSERT_TRUE(producer.ok()) << producer.status();
    Random random(std::hash<std::string>()(id));
    while (!Over()) {
      v1::InferenceBatch batch = MakeBatch("model_" + id, &random);
      {
        std::lock_guard lock(mutex);
        sent_ns.push_back(SteadyNowNs());
      }
      const auto sent = (*producer)->Send(std::move(batch));
      ASSERT_TRUE(sent.ok()) << sent.status();
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    ASSERT_TRUE((*producer)->Flush(std::chrono::minutes(2)).ok());
    const cli::ProducerTotals totals = (*producer)->totals();
    EXPECT_EQ(totals.unacknowledged_rows, 0u);
    EXPECT_EQ(totals.rejected_rows + totals.late_rows, 0u);
    std::shared_lock there(restart_mutex_);
    const uint64_t applied = GetModel(daemon_, "model_" + id, "1").applied_rows();
    EXPECT_EQ(applied, totals.sent_rows) << id << ": lost or counted twice";
    std::lock_guard lock(results_mutex_);
    rows_ += applied;
  }

  void Review() {
    while (!Over()) {
      {
        std::shared_lock lock(restart_mutex_);
        const std::string page = Scrape(daemon_);
        ExpectRowsAddUp(page);
        incidents_ = CountIncidents(daemon_);
        std::string answer;
        HttpRequest(daemon_.http_address(), "POST", "/v1/events",
                    "{\"model\":\"single\",\"features\":{\"x\":1.5,\"kind\":\"a\"}}\n", &answer);
        samples_.push_back(Look());
        samples_.back().compaction_debt_bytes =
            static_cast<uint64_t>(Series(page, "faultline_state_compaction_debt_bytes"));
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }

  // Reloads, and kills at a third and two thirds.
  void Disturb() {
    int kills = 0;
    bool other = false;
    while (!Over()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(500));
      other = !other;
      std::unique_lock lock(restart_mutex_);
      daemon_.Reconfigure(std::string(kConfig) + (other ? "  alert: {resolve_panes: 4}\n" : ""));
      if (3 * Second() > (kills + 1) * static_cast<double>(SoakSeconds()) && kills < 2) {
        ++kills;
        daemon_.Kill();
        ASSERT_TRUE(daemon_.Start()) << daemon_.log();
      } else {
        kill(daemon_.pid(), SIGHUP);
      }
    }
    EXPECT_EQ(kills, 2);
  }

  Sample Look() const {
    Sample sample;
    sample.second = Second();
    sample.resident_bytes = daemon_.ResidentBytes();
    std::error_code error;
    const std::string descriptors = "/proc/" + std::to_string(daemon_.pid()) + "/fd";
    for (auto it = std::filesystem::directory_iterator(descriptors, error);
         !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
      ++sample.descriptors;
    }
    for (auto it = std::filesystem::recursive_directory_iterator(daemon_.data_folder(), error);
         !error && it != std::filesystem::recursive_directory_iterator(); it.increment(error)) {
      std::error_code gone;
      const uint64_t bytes = it->file_size(gone);
      if (gone) continue;
      ++sample.files;
      sample.folder_bytes += bytes;
    }
    return sample;
  }

  // The largest of a part of the run.
  uint64_t Most(double from, double to, uint64_t Sample::*field) const {
    uint64_t most = 0;
    for (const Sample& sample : samples_) {
      const double part = sample.second / static_cast<double>(SoakSeconds());
      if (part >= from && part < to) most = std::max(most, sample.*field);
    }
    return most;
  }

  void Print() {
    std::sort(acknowledgements_s_.begin(), acknowledgements_s_.end());
    const auto quantile = [&](double q) {
      const auto last = static_cast<double>(acknowledgements_s_.size() - 1);
      return acknowledgements_s_[static_cast<size_t>(q * last)] * 1e3;
    };
    std::printf(
        "soak: %lld s, %llu rows, %zu incidents, acknowledged within %.0f ms (p50), %.0f "
        "ms (p99), two kills included\n",
        static_cast<long long>(SoakSeconds()), static_cast<unsigned long long>(rows_),
        incidents_.load(), quantile(0.5), quantile(0.99));
    for (int part = 0; part < 4; ++part) {
      const double from = part / 4.0;
      const double to = from + 0.25;
      std::printf(
          "soak: quarter %d: resident %.1f MB, %llu descriptors, %llu files, %.1f MB, "
          "%.1f MB to merge\n",
          part + 1, static_cast<double>(Most(from, to, &Sample::resident_bytes)) / 1e6,
          static_cast<unsigned long long>(Most(from, to, &Sample::descriptors)),
          static_cast<unsigned long long>(Most(from, to, &Sample::files)),
          static_cast<double>(Most(from, to, &Sample::folder_bytes)) / 1e6,
          static_cast<double>(Most(from, to, &Sample::compaction_debt_bytes)) / 1e6);
    }
  }

  DaemonChild daemon_{FAULTLINE_BINARY, kConfig};
  int64_t start_ns_ = 0;
  std::shared_mutex restart_mutex_;  // held alone while there is no daemon
  std::atomic<size_t> incidents_ = 0;
  std::vector<Sample> samples_;  // of the reviewer
  std::mutex results_mutex_;
  std::vector<double> acknowledgements_s_;
  uint64_t rows_ = 0;
};

TEST_F(Soak, MixedLoadLeavesNothingBehind) {
  ASSERT_TRUE(daemon_.Start()) << daemon_.log();
  start_ns_ = SteadyNowNs();
  std::vector<std::thread> threads;
  for (const char* id : {"a", "b", "c"}) threads.emplace_back([this, id] { Stream(id); });
  threads.emplace_back([this] { Review(); });
  // On this thread: a daemon ends with the thread that started it.
  Disturb();
  for (std::thread& thread : threads) thread.join();
  ASSERT_FALSE(HasFatalFailure());
  ASSERT_FALSE(acknowledgements_s_.empty());
  Print();
  EXPECT_GT(incidents_, 0u) << "the shifts of the streams are seen";
  EXPECT_LE(Most(0, 1, &Sample::resident_bytes), (uint64_t{256} << 20) * 11 / 10);
  // A leak grows in the second half too; windows are full by then.
  EXPECT_LE(Most(0.75, 1, &Sample::resident_bytes),
            Most(0.25, 0.75, &Sample::resident_bytes) * 12 / 10 + (8 << 20));
  EXPECT_LE(Most(0.75, 1, &Sample::descriptors), Most(0.25, 0.75, &Sample::descriptors) + 16);
  EXPECT_LE(Most(0, 1, &Sample::files), 200u);
  EXPECT_LE(Most(0, 1, &Sample::folder_bytes), 1'000u << 20);
  EXPECT_LE(Most(0, 1, &Sample::compaction_debt_bytes), 500u << 20);
  if (SoakSeconds() >= 300) {
    EXPECT_GT(Most(0, 1, &Sample::compaction_debt_bytes), 0u) << "it is measured";
  }
}

}  // namespace
}  // namespace faultline::testing
