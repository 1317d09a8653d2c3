#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/daemon_calls.h"
#include "tests/support/daemon_child.h"
#include "tests/support/daemon_load.h"

// More load than the daemon can hold: it keeps within its memory, stays fair, and recovers.

namespace faultline::testing {
namespace {

constexpr uint64_t kCeiling = uint64_t{192} << 20;
constexpr char kConfig[] = R"(
limits: {memory: 192MiB, models: 2000}
defaults:
  pane: {rows: 1000}
  reference: {learn_rows: 1000}
)";

// Samples the daemon's memory continuously.
class MemoryWatch {
 public:
  explicit MemoryWatch(const DaemonChild& daemon)
      : thread_([this, &daemon] {
          while (!over_) {
            most_ = std::max<uint64_t>(most_, daemon.ResidentBytes());
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
          }
        }) {}
  uint64_t Most() {
    over_ = true;
    if (thread_.joinable()) thread_.join();
    return most_;
  }
  ~MemoryWatch() { Most(); }

 private:
  std::atomic<bool> over_ = false;
  std::atomic<uint64_t> most_ = 0;
  std::thread thread_;
};

TEST(Overload, MemoryStaysUnderItsCeilingAndTheDaemonRecovers) {
  DaemonChild daemon(FAULTLINE_BINARY, kConfig);
  ASSERT_TRUE(daemon.Start()) << daemon.log();
  // These two exist before the room for signals is used up.
  for (const auto& [model, columns] : {std::pair("loud", 50), std::pair("quiet", 2)}) {
    const auto producer = ConnectProducer(daemon, model);
    ASSERT_NE(producer, nullptr);
    ASSERT_TRUE(producer->Send(NumbersBatch(model, 0, 10, columns)).ok());
    ASSERT_TRUE(producer->Flush(std::chrono::minutes(1)).ok());
  }
  MemoryWatch watch(daemon);
  std::atomic<uint64_t> refused = 0;
  std::vector<std::thread> threads;
  // Six producers send large batches as fast as they can.
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&, i] {
      const auto producer = ConnectProducer(daemon, "loud" + std::to_string(i));
      ASSERT_NE(producer, nullptr);
      const v1::InferenceBatch batch = NumbersBatch("loud", 0, 4'000, 50);
      for (int n = 0; n < 60; ++n) ASSERT_TRUE(producer->Send(batch).ok());
      ASSERT_TRUE(producer->Flush(std::chrono::minutes(2)).ok());
      EXPECT_EQ(producer->totals().applied_rows, 60u * 4'000);
    });
  }
  // One producer has new signals in every batch.
  threads.emplace_back([&] {
    const auto producer = ConnectProducer(daemon, "growing");
    ASSERT_NE(producer, nullptr);
    for (int n = 0; n < 1'000; ++n) {
      ASSERT_TRUE(producer->Send(NumbersBatch("new" + std::to_string(n), 0, 20, 40)).ok());
    }
    ASSERT_TRUE(producer->Flush(std::chrono::minutes(2)).ok());
    refused = producer->totals().rejected_rows;
  });
  // A quiet producer finds room all the time.
  std::atomic<bool> over = false;
  std::atomic<uint64_t> quiet = 0;
  std::thread sender([&] {
    const auto producer = ConnectProducer(daemon, "quiet one");
    ASSERT_NE(producer, nullptr);
    while (!over) {
      ASSERT_TRUE(producer->Send(NumbersBatch("quiet", 0, 10, 2)).ok());
      ASSERT_TRUE(producer->Flush(std::chrono::minutes(1)).ok());
      ++quiet;
    }
  });
  for (std::thread& thread : threads) thread.join();
  over = true;
  sender.join();
  const uint64_t most = watch.Most();
  std::printf("overload: at most %.1f MB of %.1f MB, %llu rows refused, %llu quiet batches\n",
              static_cast<double>(most) / 1e6, static_cast<double>(kCeiling) / 1e6,
              static_cast<unsigned long long>(refused), static_cast<unsigned long long>(quiet));
  EXPECT_LE(most, kCeiling * 11 / 10);
  EXPECT_GT(refused, 0u) << "there is no room for 40 000 signals";
  EXPECT_GT(quiet, 3u);
  // It names the signals that it refused, and continues with the others.
  const auto producer = ConnectProducer(daemon, "after");
  ASSERT_NE(producer, nullptr);
  ASSERT_TRUE(producer->Send(NumbersBatch("quiet", 0, 10, 2)).ok());
  ASSERT_TRUE(producer->Flush(std::chrono::seconds(20)).ok());
  EXPECT_EQ(producer->totals().applied_rows, 10u);
}

}  // namespace
}  // namespace faultline::testing
