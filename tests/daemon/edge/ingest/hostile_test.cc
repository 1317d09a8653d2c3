#include <fcntl.h>
#include <grpcpp/generic/generic_stub.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <fstream>

#include "tests/daemon/edge/ingest/service_fixture.h"

// What a hostile or broken client can do to the server.

namespace faultline {
namespace {

// The highest resident memory since ResetPeak, in bytes.
uint64_t PeakBytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmHWM:", 0) == 0) return std::stoull(line.substr(6)) << 10;
  }
  return 0;
}
void ResetPeak() { std::ofstream("/proc/self/clear_refs") << "5"; }

class HostileTest : public ServiceTest {};

TEST_F(HostileTest, CompressedMessagesAreRefusedWithoutInflatingThem) {
  Serve();
  constexpr size_t kBytes = 96 << 20;
  grpc::Slice zeros(std::string(kBytes, '\0'));
  const grpc::ByteBuffer request(&zeros, 1);
  grpc::GenericStub stub(Dial(server_->address()));
  for (const auto algorithm : {GRPC_COMPRESS_GZIP, GRPC_COMPRESS_DEFLATE}) {
    ResetPeak();
    const uint64_t before = PeakBytes();
    auto context = Patient();
    context->set_compression_algorithm(algorithm);
    grpc::ByteBuffer response;
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<grpc::Status> status;
    stub.UnaryCall(context.get(), "/faultline.v1.IngestionService/LogInferences", {}, &request,
                   &response, [&](grpc::Status the_status) {
                     std::lock_guard lock(mutex);
                     status = std::move(the_status);
                     changed.notify_one();
                   });
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return status.has_value(); });
    EXPECT_EQ(status->error_code(), grpc::StatusCode::UNIMPLEMENTED) << status->error_message();
    // The client needs some memory to compress it; inflating it would need all of it.
    EXPECT_LT(PeakBytes() - before, kBytes / 3);
  }
  EXPECT_EQ(intake_.attempts(), 0u);
}

// A stream that writes as fast as it can and never reads.
class Flood
    : public grpc::ClientBidiReactor<v1::StreamInferencesRequest, v1::StreamInferencesResponse> {
 public:
  Flood(v1::IngestionService::Stub* stub, const v1::InferenceBatch& batch) {
    request_.mutable_hello();
    *batch_.mutable_batch()->mutable_batch() = batch;
    stub->async()->StreamInferences(&context_, this);
    AddHold();
    StartCall();
    StartWrite(&request_);
  }
  ~Flood() override {
    context_.TryCancel();
    {
      std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    RemoveHold();
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return done_; });
  }
  uint64_t written() const { return written_; }

 private:
  void OnWriteDone(bool ok) override {
    std::lock_guard lock(mutex_);
    if (!ok || stopped_) return;
    batch_.mutable_batch()->set_sequence(++written_);
    StartWrite(&batch_);
  }
  void OnDone(const grpc::Status& /*status*/) override {
    std::lock_guard lock(mutex_);
    done_ = true;
    changed_.notify_all();
  }

  grpc::ClientContext context_;
  v1::StreamInferencesRequest request_, batch_;
  std::atomic<uint64_t> written_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopped_ = false, done_ = false;
};

// Waits until nothing has been written for a while.
bool Stalls(const std::vector<std::unique_ptr<Flood>>& floods) {
  const auto sum = [&] {
    uint64_t written = 0;
    for (const auto& flood : floods) written += flood->written();
    return written;
  };
  uint64_t last = 0;
  int still = 0;
  return WaitUntil([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    const uint64_t now = sum();
    still = now == last ? still + 1 : 0;
    last = now;
    return still >= 25;
  });
}

TEST_F(HostileTest, AHundredStalledStreamsOnOneConnectionTakeLittleMemory) {
  Serve();
  intake_.set_full(true);
  const v1::InferenceBatch batch = NumbersBatch(8'000);  // 64 KB
  ResetPeak();
  const uint64_t before = PeakBytes();
  std::vector<std::unique_ptr<Flood>> floods;
  for (int i = 0; i < 100; ++i) floods.push_back(std::make_unique<Flood>(stub_.get(), batch));
  ASSERT_TRUE(Stalls(floods));
  // Both ends are in this process: each stream holds a message or two of 64 KB at each of them.
  const uint64_t peak = PeakBytes() - before;
  RecordProperty("peak_mb", static_cast<int>(peak >> 20));
  EXPECT_LT(peak, 80u << 20);
  EXPECT_EQ(intake_.rows(), 0u);
  intake_.set_keep(false);
  intake_.set_full(false);  // and they all go on
  EXPECT_TRUE(WaitUntil([&] {
    return std::all_of(floods.begin(), floods.end(),
                       [](const auto& flood) { return flood->written() > 20; });
  }));
}

TEST_F(HostileTest, WhoNeverReadsAcknowledgementsIsStoppedAtABound) {
  Serve();
  intake_.set_keep(false);
  // Every batch has something to report: all of its rows but one are refused.
  v1::InferenceBatch batch = NumbersBatch(64);
  for (int row = 0; row < 64; ++row) batch.add_prediction_ids("same");
  ResetPeak();
  const uint64_t before = PeakBytes();
  std::vector<std::unique_ptr<Flood>> floods;
  floods.push_back(std::make_unique<Flood>(stub_.get(), batch));
  ASSERT_TRUE(Stalls(floods));
  EXPECT_LT(PeakBytes() - before, 64u << 20);
  EXPECT_LT(intake_.batches(), 100'000u);
  // Others are not held up.
  v1::LogInferencesRequest request;
  *request.mutable_batch() = NumbersBatch(1);
  v1::LogInferencesResponse response;
  EXPECT_TRUE(Log(request, &response).ok());
}

TEST_F(HostileTest, AStreamThatDiesWhileItWaitsLeavesTheRetryQueue) {
  Serve();
  intake_.set_full(true);
  const v1::InferenceBatch batch = NumbersBatch(10);
  for (int round = 0; round < 10; ++round) {
    std::vector<std::unique_ptr<Flood>> floods;
    for (int i = 0; i < 10; ++i) floods.push_back(std::make_unique<Flood>(stub_.get(), batch));
    ASSERT_TRUE(WaitUntil([&] { return intake_.waiters() > 0; }));
  }
  intake_.set_full(false);
  EXPECT_TRUE(WaitUntil([&] { return service_->hub()->retry_queue.empty(); }));
}

// While the store is broken there are no callbacks, perhaps for days.
TEST_F(HostileTest, WaitingAsksForSpaceOnce) {
  Serve();
  intake_.set_full(true);
  const v1::InferenceBatch batch = NumbersBatch(10);
  Flood flood(stub_.get(), batch);
  ASSERT_TRUE(WaitUntil([&] { return intake_.attempts() >= 4; }));
  EXPECT_EQ(intake_.waiters(), 1u);
  intake_.set_full(false);
}

int Connect(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd >= 0 && connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0) return fd;
  if (fd >= 0) close(fd);
  return -1;
}

// In a process of its own, which has few file descriptors: says its port, and serves until its
// input is closed.
[[noreturn]] void ServeWithFewDescriptors(int in, int out, rlim_t descriptors) {
  FakeIntake intake;
  IngestionService service(&intake);
  GrpcServerOptions options;
  options.address = "127.0.0.1:0";
  auto server = GrpcServer::Start(options, {&service});
  if (!server.ok()) _exit(1);
  // Those that are open already stay open, whatever their numbers are.
  const rlimit few{descriptors, descriptors};
  setrlimit(RLIMIT_NOFILE, &few);
  const uint16_t port = (*server)->port();
  if (write(out, &port, sizeof port) != sizeof port) _exit(1);
  char byte = 0;
  while (read(in, &byte, 1) > 0) {
    const uint64_t failures = (*server)->connections().failures;
    if (write(out, &failures, sizeof failures) != sizeof failures) _exit(1);
  }
  _exit(0);
}

// Runs the statement in a copy of this program that has not used gRPC yet.
TEST(DescriptorsDeathTest, RunningOutOfDescriptorsIsSurvived) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto run = [] {
    int to_child[2], from_child[2];
    if (pipe2(to_child, O_CLOEXEC) != 0 || pipe2(from_child, O_CLOEXEC) != 0) _exit(2);
    const pid_t child = fork();
    if (child == 0) {
      close(to_child[1]);
      close(from_child[0]);
      ServeWithFewDescriptors(to_child[0], from_child[1], 48);
    }
    close(from_child[1]);
    uint16_t port = 0;
    if (read(from_child[0], &port, sizeof port) != sizeof port) _exit(3);
    std::vector<int> held;
    for (int i = 0; i < 200; ++i) held.push_back(Connect(port));
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    for (const int fd : held) close(fd);
    // From the first connection on it serves again.
    const auto start = std::chrono::steady_clock::now();
    const auto channel = grpc::CreateChannel("127.0.0.1:" + std::to_string(port),
                                             grpc::InsecureChannelCredentials());
    auto stub = v1::IngestionService::NewStub(channel);
    v1::LogInferencesRequest request;
    *request.mutable_batch() = NumbersBatch(1);
    v1::LogInferencesResponse response;
    auto context = Patient();
    context->set_wait_for_ready(true);
    const grpc::Status status = stub->LogInferences(context.get(), request, &response);
    const auto took = std::chrono::steady_clock::now() - start;
    close(to_child[1]);
    int result = 0;
    waitpid(child, &result, 0);
    if (!status.ok()) _exit(4);
    if (took > std::chrono::seconds(10)) _exit(5);
    _exit(result == 0 ? 0 : 6);
  };
  EXPECT_EXIT(run(), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace faultline
