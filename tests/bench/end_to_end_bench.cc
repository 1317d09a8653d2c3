#include <grpcpp/grpcpp.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "daemon/edge/decode/decode.h"
#include "daemon/edge/grpc/grpc_server.h"
#include "daemon/edge/ingest/ingestion_service.h"
#include "faultline/v1/ingestion.grpc.pb.h"
#include "tests/bench/figures.h"
#include "tests/support/daemon_child.h"
#include "tests/support/streams.h"

// The real daemon over a unix socket against the same server that only decodes and drops: what the
// core, the committer and the store cost on top of gRPC. Rates are per second of the server's
// processor time, because client and server share the machine.

namespace faultline::bench {
namespace {

using testing::DaemonChild;
using testing::TempFolder;
using testing::WaitUntil;

constexpr int64_t kEventNs = 1'700'000'000'000'000'000;

constexpr double kCommitMilliseconds = 100;
constexpr char kConfig[] = R"(
commit: {interval: 100ms}
metrics: {signals_always: ["*"]}
limits: {signals: 100000, signals_per_model: 20000, message: 16MiB}
defaults:
  pane: {length: 10s}
  idle_close: 1h
  reference: {learn_rows: 2000}
)";

// Decodes, counts nothing, acknowledges at once.
class DroppingIntake final : public Intake {
 public:
  absl::StatusOr<uint64_t> Greet(const std::string&, uint64_t) override { return 0; }
  Admission Submit(std::unique_ptr<EventBatch>* batch, const BatchName& name,
                   Pipeline::BatchDone done, uint64_t* expected) override {
    BatchResult result;
    result.applied_rows = (*batch)->rows;
    batch->reset();
    *expected = name.sequence + 1;
    done(result);
    return Admission::kAccepted;
  }
  void WhenSpace(std::function<void()>) override {}
  void CountRejected(v1::RejectReason, uint64_t) override {}
  void CountShed(uint64_t) override {}
  absl::Status ready() const override { return absl::OkStatus(); }
  IntakeLimits limits() const override {
    IntakeLimits limits;
    limits.message_bytes_max = 16 << 20;
    return limits;
  }
};

// In a child process, so that its processor time can be told apart.
pid_t StartDroppingServer(const std::string& socket) {
  const pid_t pid = fork();
  if (pid != 0) return pid;
  DroppingIntake intake;
  IngestionService service(&intake);
  GrpcServerOptions options;
  options.socket_path = socket;
  options.message_bytes_max = 16 << 20;
  options.ready = [] { return absl::OkStatus(); };
  auto server = GrpcServer::Start(options, {&service});
  if (!server.ok()) _exit(1);
  while (getppid() != 1) std::this_thread::sleep_for(std::chrono::milliseconds(200));
  _exit(0);
}

double ProcessorSeconds(pid_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string word;
  uint64_t ticks = 0;
  for (int field = 1; field <= 15 && stat >> word; ++field) {
    if (field == 14 || field == 15) ticks += std::stoull(word);
  }
  return static_cast<double>(ticks) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

std::vector<v1::StreamInferencesRequest> MakeMessages(uint32_t features, uint32_t rows) {
  // Enough different values that no branch predictor learns them.
  const size_t count = std::max<size_t>(16, 1'200'000 / (size_t{features} * rows) + 1);
  std::vector<v1::StreamInferencesRequest> messages(std::min<size_t>(count, 20'000));
  testing::Random random(7);
  for (v1::StreamInferencesRequest& message : messages) {
    v1::InferenceBatch* batch = message.mutable_batch()->mutable_batch();
    batch->set_model("bench");
    batch->set_rows(rows);
    for (uint32_t feature = 0; feature < features; ++feature) {
      v1::Column* column = batch->add_columns();
      column->set_name("f" + std::to_string(feature));
      for (uint32_t row = 0; row < rows; ++row) {
        column->mutable_doubles()->add_values(random.Normal());
      }
    }
  }
  return messages;
}

struct Load {
  uint64_t rows = 0;
  uint64_t messages = 0;
  double processor_seconds = 0;
  double wall_seconds = 0;
  std::vector<double> waited_ms;  // of each message, from its writing to its acknowledgement
};

// When each message was written that is not acknowledged yet.
class Waiting {
 public:
  void Written() {
    const std::lock_guard lock(mutex_);
    written_ns_.push_back(SteadyNowNs());
  }
  void Acknowledged(uint64_t sequence) {
    const std::lock_guard lock(mutex_);
    const int64_t now_ns = SteadyNowNs();
    for (; acknowledged_ < sequence; ++acknowledged_) {
      waited_ms_.push_back(static_cast<double>(now_ns - written_ns_[acknowledged_]) * 1e-6);
    }
  }
  std::vector<double> waited_ms() const { return waited_ms_; }

 private:
  std::mutex mutex_;
  std::vector<int64_t> written_ns_;  // by sequence, from 1
  uint64_t acknowledged_ = 0;
  std::vector<double> waited_ms_;
};

// Sends for about `seconds`, then waits until everything is acknowledged. `rate`: messages a
// second; 0: as many as go.
Load Drive(const std::string& address, pid_t server, uint32_t features, uint32_t rows,
           double seconds, double rate = 0) {
  std::vector<v1::StreamInferencesRequest> messages = MakeMessages(features, rows);
  const auto stub = v1::IngestionService::NewStub(
      grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  const auto stream = stub->StreamInferences(&context);
  v1::StreamInferencesRequest hello;
  hello.mutable_hello();
  stream->Write(hello);
  std::atomic<uint64_t> acknowledged = 0;
  Waiting waiting;
  std::thread reader([&] {
    v1::StreamInferencesResponse response;
    while (stream->Read(&response)) {
      if (!response.has_ack()) continue;
      waiting.Acknowledged(response.ack().committed_sequence());
      acknowledged = response.ack().committed_sequence();
    }
  });
  const double before = ProcessorSeconds(server);
  const int64_t start_ns = SteadyNowNs();
  uint64_t sequence = 0;
  uint64_t event_ns = kEventNs;
  while (static_cast<double>(SteadyNowNs() - start_ns) * 1e-9 < seconds) {
    v1::StreamInferencesRequest& message = messages[sequence % messages.size()];
    if (rate > 0) {
      const auto due_ns =
          start_ns + static_cast<int64_t>(static_cast<double>(sequence) / rate * 1e9);
      std::this_thread::sleep_for(std::chrono::nanoseconds(due_ns - SteadyNowNs()));
    }
    message.mutable_batch()->set_sequence(++sequence);
    auto* times = message.mutable_batch()->mutable_batch()->mutable_event_times_unix_nano();
    times->Resize(static_cast<int>(rows), 0);
    for (uint32_t row = 0; row < rows; ++row) times->Set(static_cast<int>(row), event_ns += 10'000);
    waiting.Written();
    if (!stream->Write(message)) break;
  }
  WaitUntil([&] { return acknowledged == sequence; }, std::chrono::seconds(60));
  Load load;
  load.messages = acknowledged;
  load.rows = load.messages * rows;
  load.processor_seconds = ProcessorSeconds(server) - before;
  load.wall_seconds = static_cast<double>(SteadyNowNs() - start_ns) * 1e-9;
  stream->WritesDone();
  context.TryCancel();
  reader.join();
  load.waited_ms = waiting.waited_ms();
  return load;
}

// At half of what went through at once, on two cores that the client takes part of.
void Acknowledgements(const DaemonChild& daemon, uint32_t features, uint32_t rows,
                      const Load& full) {
  const double rate = static_cast<double>(full.messages) / full.wall_seconds / 2;
  std::vector<double> waited =
      Drive(daemon.socket_address(), daemon.pid(), features, rows, 10, rate).waited_ms;
  if (waited.empty()) return;
  std::sort(waited.begin(), waited.end());
  Print("acknowledgement_p50_half_load", waited[waited.size() / 2], "ms");
  Print("acknowledgement_p99_half_load", waited[waited.size() * 99 / 100], "ms",
        kCommitMilliseconds + 20, Better::kLower);
}

void PrintPair(const std::string& name, const Load& daemon, const Load& dropping, double unit,
               const char* unit_name, double target) {
  const auto rate = [&](const Load& load) {
    return static_cast<double>(load.rows) * unit / std::max(load.processor_seconds, 1e-3);
  };
  Print(name, rate(daemon), unit_name, target, Better::kHigher);
  Print(name + "_decode_and_drop", rate(dropping), unit_name);
  Print(name + "_share_of_decode_and_drop", rate(daemon) / rate(dropping), "ratio", 0.4,
        Better::kHigher);
  Print(name + "_wall", static_cast<double>(daemon.rows) * unit / daemon.wall_seconds,
        std::string(unit_name).substr(0, std::string(unit_name).find("/core")) + "/wall");
}

void Throughput() {
  DaemonChild daemon(FAULTLINE_BINARY, kConfig);
  if (!daemon.Start()) {
    std::fprintf(stderr, "%s\n", daemon.log().c_str());
    return;
  }
  std::this_thread::sleep_for(std::chrono::seconds(2));
  Print("rss_idle", static_cast<double>(daemon.ResidentBytes()) / 1e6, "MB", 30, Better::kLower);
  Print(
      "processor_idle",
      [&] {
        const double before = ProcessorSeconds(daemon.pid());
        std::this_thread::sleep_for(std::chrono::seconds(5));
        return (ProcessorSeconds(daemon.pid()) - before) / 5 * 100;
      }(),
      "%_of_a_core", 0.5, Better::kLower);
  TempFolder folder;
  const std::string socket = folder.File("drop");
  const pid_t dropping = StartDroppingServer(socket);
  struct Shape {
    const char* name;
    uint32_t features, rows;
    bool events;
    double target;
  };
  for (const Shape& shape : {Shape{"values_20_columnar", 20, 500, false, 50e6},
                             Shape{"values_128_columnar", 128, 128, false, 50e6},
                             Shape{"events_128_single", 128, 1, true, 60e3}}) {
    const Load real = Drive(daemon.socket_address(), daemon.pid(), shape.features, shape.rows, 5);
    const Load drop = Drive("unix:" + socket, dropping, shape.features, shape.rows, 5);
    PrintPair(shape.name, real, drop, shape.events ? 1 : shape.features,
              shape.events ? "events/s/core" : "values/s/core", shape.target);
    if (shape.features == 20) Acknowledgements(daemon, shape.features, shape.rows, real);
  }
  Print("rss_under_load", static_cast<double>(daemon.ResidentBytes()) / 1e6, "MB");
  kill(dropping, SIGTERM);
  waitpid(dropping, nullptr, 0);
}

void Restart() {
  constexpr uint32_t kFeatures = 10'000;
  DaemonChild daemon(FAULTLINE_BINARY, kConfig);
  if (!daemon.Start()) return;
  Drive(daemon.socket_address(), daemon.pid(), kFeatures, 100, 15);
  Print("rss_10000_features", static_cast<double>(daemon.ResidentBytes()) / 1e6, "MB");
  daemon.Kill();
  const int64_t start_ns = SteadyNowNs();
  if (!daemon.Start()) return;
  Print("restart_to_ready_10000_features", static_cast<double>(SteadyNowNs() - start_ns) * 1e-9,
        "s", 2, Better::kLower);
  std::string page;
  std::vector<double> seconds;
  WaitUntil([&] {
    testing::HttpRequest(daemon.http_address(), "GET", "/metrics", "", &page);
    return page.find("f9999") != std::string::npos;
  });
  for (int i = 0; i < 9; ++i) {
    const int64_t scrape_ns = SteadyNowNs();
    testing::HttpRequest(daemon.http_address(), "GET", "/metrics", "", &page);
    seconds.push_back(static_cast<double>(SteadyNowNs() - scrape_ns) * 1e-9);
  }
  std::sort(seconds.begin(), seconds.end());
  const auto series = static_cast<double>(std::count(page.begin(), page.end(), '\n'));
  Print("scrape_lines", series, "lines");
  Print("scrape_100000_lines", seconds[4] * 1e3 * 1e5 / series, "ms", 25, Better::kLower);
}

}  // namespace
}  // namespace faultline::bench

int main() {
  faultline::bench::Throughput();
  faultline::bench::Restart();
}
