#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "faultline/v1/ingestion.grpc.pb.h"
#include "tests/support/daemon_calls.h"
#include "tests/support/daemon_child.h"
#include "tests/support/daemon_load.h"
#include "tests/support/raw_socket.h"

// Hostile and broken clients, beside healthy ones.

namespace faultline::testing {
namespace {

constexpr char kConfig[] = R"(
commit: {interval: 10ms}
listen: {connections_max: 30000}
defaults: {pane: {rows: 500}}
)";

// What a client sends before it falls silent or sends one byte at a time.
struct Opening {
  bool grpc;
  std::string said;
};

std::vector<Opening> Openings() {
  return {{true, ""},
          {true, "PRI * HTTP/2.0\r\n\r\nSM"},
          {false, ""},
          {false, "GET /metrics HTTP/1.1\r\nHost: x\r\nX-Slow: "},
          {false, "POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"}};
}

// As many connections as this process may have, at most `wanted`.
size_t ConnectionsPossible(size_t wanted) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);  // the daemon inherits it
  return std::min<size_t>(wanted, limit.rlim_max > 1'000 ? limit.rlim_max - 500 : 0);
}

double Seconds(std::chrono::steady_clock::time_point since) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - since).count();
}

TEST(Faults, TenThousandConnectionsLeaveOthersServed) {
  const size_t connections = ConnectionsPossible(10'000);
  DaemonChild daemon(FAULTLINE_BINARY, kConfig);
  ASSERT_TRUE(daemon.Start()) << daemon.log();
  Sender sender(daemon, "m", 50, 1, std::chrono::milliseconds(1));
  ASSERT_TRUE(WaitUntil([&] { return sender.acknowledged_rows() > 0; }));
  const uint64_t resident = daemon.ResidentBytes();
  const std::vector<Opening> openings = Openings();
  std::vector<RawSocket> held;
  for (size_t i = 0; i < connections; ++i) {
    const Opening& opening = openings[i % openings.size()];
    held.emplace_back(opening.grpc ? daemon.grpc_address() : daemon.http_address());
    ASSERT_TRUE(held.back().connected()) << i;
    if (!opening.said.empty()) held.back().Send(opening.said);
  }
  double slowest_scrape = 0, most_open = 0, slowest_acknowledgement = 0;
  uint64_t most_resident = 0;
  // One in a hundred sends a byte each second. The daemon closes all of them, which takes a while.
  size_t left = held.size();
  int rounds = 0;
  ASSERT_TRUE(WaitUntil([&] {
    for (size_t i = 0; i < held.size(); i += 100) held[i].Send("x");
    const auto start = std::chrono::steady_clock::now();
    const std::string page = Scrape(daemon);
    slowest_scrape = std::max(slowest_scrape, Seconds(start));
    const uint64_t acknowledged = sender.acknowledged_rows();
    EXPECT_TRUE(WaitUntil([&] { return sender.acknowledged_rows() > acknowledged; }));
    slowest_acknowledgement = std::max(slowest_acknowledgement, Seconds(start));
    most_open = std::max(most_open, Series(page, "faultline_connections{protocol=\"grpc\"}") +
                                        Series(page, "faultline_connections{protocol=\"http\"}"));
    most_resident = std::max(most_resident, daemon.ResidentBytes());
    std::this_thread::sleep_for(std::chrono::seconds(1));
    left = static_cast<size_t>(
        std::count_if(held.begin(), held.end(), [](RawSocket& s) { return !s.Closed(); }));
    return left == 0 || (!LongTests() && ++rounds == 3);
  })) << left
      << " are still open";
  EXPECT_LT(slowest_scrape, 10);
  EXPECT_LT(slowest_acknowledgement, 10);
  EXPECT_LT(most_resident - resident, connections * (100 << 10)) << "100 KiB a connection";
  EXPECT_GE(most_open, static_cast<double>(connections) / 2);
  ASSERT_TRUE(sender.Finish());
  EXPECT_EQ(GetModel(daemon, "m", "1").applied_rows(), sender.sent_rows());
  RecordProperty("connections", static_cast<int>(connections));
  RecordProperty("open_at_once", static_cast<int>(most_open));
  RecordProperty("resident_mb", static_cast<int>(most_resident >> 20));
  RecordProperty("resident_before_mb", static_cast<int>(resident >> 20));
  RecordProperty("slowest_scrape_ms", static_cast<int>(slowest_scrape * 1e3));
  RecordProperty("slowest_acknowledgement_ms", static_cast<int>(slowest_acknowledgement * 1e3));
}

// Silent clients hold all TCP connections that connections_max allows, and reconnect at once when
// they are closed.
TEST(Faults, HoldersOfAllConnectionsDoNotLockOutOthers) {
  DaemonChild daemon(FAULTLINE_BINARY, "listen: {connections_max: 200}\ncommit: {interval: 10ms}");
  ASSERT_TRUE(daemon.Start()) << daemon.log();
  std::atomic<bool> stop = false;
  std::atomic<uint64_t> taken = 0;
  std::thread flood([&] {
    std::vector<RawSocket> held;
    while (!stop) {
      std::erase_if(held, [](RawSocket& socket) { return socket.Closed(); });
      for (; held.size() < 600; ++taken) {
        held.emplace_back(taken % 2 == 0 ? daemon.grpc_address() : daemon.http_address());
        held.back().Send(taken % 4 < 2 ? "" : "GET /metr");
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  });
  ASSERT_TRUE(WaitUntil([&] { return taken > 600; }));
  int scrapes = 0;
  std::string page;
  ASSERT_TRUE(WaitUntil([&] {
    scrapes += HttpRequest(daemon.http_address(), "GET", "/metrics", "", &page) == 200 ? 1 : 0;
    return scrapes == 20;
  }));
  ASSERT_TRUE(WaitUntil([&] {
    page = Scrape(daemon);
    return Series(page, "faultline_connections_refused_total{protocol=\"grpc\"}") > 100 &&
           Series(page, "faultline_connections_refused_total{protocol=\"http\"}") > 100;
  }));
  Sender sender(daemon, "m", 50);
  EXPECT_TRUE(WaitUntil([&] { return sender.acknowledged_rows() > 0; }));
  stop = true;
  flood.join();
  ASSERT_TRUE(sender.Finish());
  EXPECT_EQ(GetModel(daemon, "m", "1").applied_rows(), sender.sent_rows());
}

// Writes as fast as it can and never reads; every batch has an error to report.
class NeverReads {
 public:
  explicit NeverReads(const std::string& address) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    stub_ = v1::IngestionService::NewStub(
        grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments));
    thread_ = std::thread([this] { Write(); });
  }
  ~NeverReads() {
    context_.TryCancel();
    thread_.join();
  }
  uint64_t written() const { return written_; }

 private:
  void Write() {
    const auto stream = stub_->StreamInferences(&context_);
    v1::StreamInferencesRequest request;
    request.mutable_hello();
    if (!stream->Write(request)) return;
    v1::SequencedBatch* batch = request.mutable_batch();
    *batch->mutable_batch() = NumbersBatch("deaf", 0, 64);
    for (int row = 0; row < 64; ++row) batch->mutable_batch()->add_prediction_ids("same");
    do {
      batch->set_sequence(++written_);
    } while (stream->Write(request));
  }

  grpc::ClientContext context_;
  std::unique_ptr<v1::IngestionService::Stub> stub_;
  std::atomic<uint64_t> written_ = 0;
  std::thread thread_;
};

TEST(Faults, ProducersThatNeverReadAreStoppedAndOthersAreNot) {
  DaemonChild daemon(FAULTLINE_BINARY, kConfig);
  ASSERT_TRUE(daemon.Start()) << daemon.log();
  Sender sender(daemon, "m", 50, 1, std::chrono::milliseconds(1));
  ASSERT_TRUE(WaitUntil([&] { return sender.acknowledged_rows() > 0; }));
  const uint64_t resident = daemon.ResidentBytes();
  std::vector<std::unique_ptr<NeverReads>> deaf;
  for (int i = 0; i < 4; ++i) deaf.push_back(std::make_unique<NeverReads>(daemon.socket_address()));
  const auto written = [&] {
    uint64_t sum = 0;
    for (const auto& one : deaf) sum += one->written();
    return sum;
  };
  ASSERT_TRUE(WaitUntil([&] {
    const uint64_t before = written();
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    return before > 0 && written() == before;
  })) << "they are stopped";
  const uint64_t stopped = written();
  for (int i = 0; i < 3; ++i) {
    const uint64_t acknowledged = sender.acknowledged_rows();
    EXPECT_TRUE(WaitUntil([&] { return sender.acknowledged_rows() > acknowledged + 500; }));
  }
  EXPECT_EQ(written(), stopped) << "and stay so";
  EXPECT_LT(daemon.ResidentBytes() - resident, 200u << 20);
  RecordProperty("batches_before_the_stop", static_cast<int>(stopped));
  RecordProperty("grown_mb", static_cast<int>((daemon.ResidentBytes() - resident) >> 20));
  deaf.clear();
  ASSERT_TRUE(sender.Finish());
  EXPECT_EQ(GetModel(daemon, "m", "1").applied_rows(), sender.sent_rows());
  ExpectRowsAddUp(Scrape(daemon));
}

}  // namespace
}  // namespace faultline::testing
