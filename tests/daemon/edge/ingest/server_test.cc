#include <fcntl.h>
#include <grpcpp/generic/generic_stub.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <fstream>

#include "tests/daemon/edge/ingest/service_fixture.h"

namespace faultline {
namespace {

using ::testing::HasSubstr;

class ServerTest : public ServiceTest {
 protected:
  static grpc::Status CallRaw(const std::shared_ptr<grpc::Channel>& channel,
                              const std::string& bytes, grpc::ClientContext* context) {
    grpc::GenericStub stub(channel);
    const grpc::Slice slice(bytes);
    const grpc::ByteBuffer request(&slice, 1);
    grpc::ByteBuffer response;
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<grpc::Status> status;
    stub.UnaryCall(context, "/faultline.v1.IngestionService/LogInferences", {}, &request, &response,
                   [&](grpc::Status the_status) {
                     std::lock_guard lock(mutex);
                     status = std::move(the_status);
                     changed.notify_one();
                   });
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return status.has_value(); });
    return *status;
  }

  // What grpc.health.v1.Health/Check says of a service: its status byte, or -1 for an error.
  int Health(const std::string& service) {
    grpc::GenericStub stub(Dial(server_->address()));
    std::string bytes;
    if (!service.empty()) {
      bytes = std::string("\x0a") + static_cast<char>(service.size()) + service;
    }
    const grpc::Slice slice(bytes);
    const grpc::ByteBuffer request(&slice, 1);
    grpc::ByteBuffer response;
    auto context = Patient();
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<grpc::Status> status;
    stub.UnaryCall(context.get(), "/grpc.health.v1.Health/Check", {}, &request, &response,
                   [&](grpc::Status the_status) {
                     std::lock_guard lock(mutex);
                     status = std::move(the_status);
                     changed.notify_one();
                   });
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return status.has_value(); });
    grpc::Slice answer;
    if (!status->ok() || !response.DumpToSingleSlice(&answer).ok() || answer.size() != 2) return -1;
    return *(answer.begin() + 1);
  }
};

constexpr int kServing = 1;
constexpr int kNotServing = 2;

// A stream of raw bytes, so that it can send invalid messages.
class RawStream : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  explicit RawStream(const std::shared_ptr<grpc::Channel>& channel) : stub_(channel) {
    context_.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    stub_.PrepareBidiStreamingCall(&context_, "/faultline.v1.IngestionService/StreamInferences", {},
                                   this);
    AddHold();
    StartCall();
  }
  ~RawStream() override {
    context_.TryCancel();
    RemoveHold();
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return status_.has_value(); });
  }
  bool Send(const std::string& bytes) {
    const grpc::Slice slice(bytes);
    out_ = grpc::ByteBuffer(&slice, 1);
    written_ = 0;
    StartWrite(&out_);
    return Wait(&written_);
  }
  bool Receive(v1::StreamInferencesResponse* response) {
    read_ = 0;
    StartRead(&in_);
    grpc::Slice slice;
    return Wait(&read_) && in_.DumpToSingleSlice(&slice).ok() &&
           response->ParseFromArray(slice.begin(), static_cast<int>(slice.size()));
  }

 private:
  bool Wait(int* outcome) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return *outcome != 0; });
    return *outcome > 0;
  }
  void Note(int* outcome, bool ok) {
    std::lock_guard lock(mutex_);
    *outcome = ok ? 1 : -1;
    changed_.notify_all();
  }
  void OnWriteDone(bool ok) override { Note(&written_, ok); }
  void OnReadDone(bool ok) override { Note(&read_, ok); }
  void OnDone(const grpc::Status& status) override {
    std::lock_guard lock(mutex_);
    status_ = status;
    changed_.notify_all();
  }

  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  grpc::ByteBuffer out_, in_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int written_ = 0, read_ = 0;
  std::optional<grpc::Status> status_;
};

TEST_F(ServerTest, MalformedUnaryBytesAreRefusedAndCounted) {
  Serve();
  const auto channel = Dial(server_->address());
  for (const std::string& bytes :
       {std::string("\x0a\xff\xff\xff\xff\x0f"), std::string(1000, '\xff'), std::string("\x07")}) {
    auto context = Patient();
    EXPECT_EQ(CallRaw(channel, bytes, context.get()).error_code(),
              grpc::StatusCode::INVALID_ARGUMENT);
  }
  EXPECT_EQ(intake_.rejected(v1::REJECT_REASON_DECODE), 3u);
  auto context = Patient();
  EXPECT_THAT(CallRaw(channel, "", context.get()).error_message(), HasSubstr("model is empty"));
}

TEST_F(ServerTest, MalformedStreamBytesLeaveTheStreamOpen) {
  Serve();
  RawStream stream(Dial(server_->address()));
  v1::StreamInferencesResponse response;
  ASSERT_TRUE(stream.Send(HelloMessage("p", 1).SerializeAsString()));
  ASSERT_TRUE(stream.Receive(&response));
  EXPECT_TRUE(response.has_welcome());
  ASSERT_TRUE(stream.Send("\x12\x7f garbage"));
  ASSERT_TRUE(stream.Receive(&response));
  EXPECT_EQ(response.not_taken().reason(), v1::REJECT_REASON_DECODE);
  EXPECT_EQ(response.not_taken().expected_sequence(), 1u);
  // Invalid UTF-8 in a name is malformed too: the platform's parser refuses it.
  v1::InferenceBatch batch = NumbersBatch(1);
  std::string bytes = BatchMessage(1, batch).SerializeAsString();
  bytes[bytes.find("credit")] = '\xff';
  ASSERT_TRUE(stream.Send(bytes));
  ASSERT_TRUE(stream.Receive(&response));
  EXPECT_EQ(response.not_taken().reason(), v1::REJECT_REASON_DECODE);
  ASSERT_TRUE(stream.Send(""));
  ASSERT_TRUE(stream.Receive(&response));
  EXPECT_EQ(response.not_taken().reason(), v1::REJECT_REASON_SCHEMA);
  ASSERT_TRUE(stream.Send(BatchMessage(1, batch).SerializeAsString()));
  ASSERT_TRUE(stream.Receive(&response));
  EXPECT_EQ(response.ack().committed_sequence(), 1u);
  EXPECT_EQ(intake_.rejected(v1::REJECT_REASON_DECODE), 2u);
}

TEST_F(ServerTest, OversizeMessagesAreRefused) {
  IntakeLimits limits;
  limits.message_bytes_max = 100'000;
  intake_.set_limits(limits);
  GrpcServerOptions options = Options();
  options.message_bytes_max = limits.message_bytes_max;
  Serve(options);
  v1::LogInferencesRequest request;
  v1::LogInferencesResponse response;
  // Just above the limit the service refuses, far above it gRPC does.
  for (const uint32_t rows : {13'000u, 60'000u}) {
    *request.mutable_batch() = NumbersBatch(rows);
    EXPECT_EQ(Log(request, &response).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  }
  EXPECT_EQ(intake_.rejected(v1::REJECT_REASON_OVERSIZE), 1u);
  *request.mutable_batch() = NumbersBatch(12'000);
  EXPECT_TRUE(Log(request, &response).ok());

  RawStream stream(Dial(server_->address()));
  v1::StreamInferencesResponse answer;
  ASSERT_TRUE(stream.Send(HelloMessage("", 0).SerializeAsString()));
  ASSERT_TRUE(stream.Receive(&answer));
  ASSERT_TRUE(stream.Send(BatchMessage(1, NumbersBatch(13'000)).SerializeAsString()));
  ASSERT_TRUE(stream.Receive(&answer));
  EXPECT_EQ(answer.not_taken().reason(), v1::REJECT_REASON_OVERSIZE);
}

TEST_F(ServerTest, HealthFollowsReadiness) {
  Serve();
  EXPECT_EQ(Health(""), kServing);
  EXPECT_EQ(Health("faultline.v1.IngestionService"), kServing);
  intake_.set_ready(absl::UnavailableError("the store is broken"));
  EXPECT_TRUE(WaitUntil([&] { return Health("") == kNotServing; }));
  EXPECT_EQ(Health("faultline.v1.IngestionService"), kNotServing);
  intake_.set_ready(absl::OkStatus());
  EXPECT_TRUE(WaitUntil([&] { return Health("") == kServing; }));
}

TEST_F(ServerTest, ReflectionListsTheServices) {
  Serve();
  auto channel = Dial(server_->address());
  grpc::GenericStub stub(channel);
  auto context = Patient();
  grpc::CompletionQueue queue;
  auto call = stub.PrepareCall(
      context.get(), "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &queue);
  const auto next = [&] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  call->StartCall(nullptr);
  ASSERT_TRUE(next());
  const grpc::Slice list("\x3a\x01*");  // list_services: "*"
  call->Write(grpc::ByteBuffer(&list, 1), nullptr);
  ASSERT_TRUE(next());
  grpc::ByteBuffer response;
  call->Read(&response, nullptr);
  ASSERT_TRUE(next());
  grpc::Slice slice;
  ASSERT_TRUE(response.DumpToSingleSlice(&slice).ok());
  const std::string text(slice.begin(), slice.end());
  EXPECT_THAT(text, HasSubstr("faultline.v1.IngestionService"));
  EXPECT_THAT(text, HasSubstr("grpc.health.v1.Health"));
  context->TryCancel();
  grpc::Status status;
  call->Finish(&status, nullptr);
  next();
  queue.Shutdown();
}

TEST_F(ServerTest, APortInUseIsRefused) {
  Serve();
  GrpcServerOptions options;
  options.address = server_->address();
  const auto second = GrpcServer::Start(options, {});
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(server_->address()));
}

TEST_F(ServerTest, ALiveUnixSocketIsRefusedAndAStaleOneReplaced) {
  Serve();
  const std::string path = Options().socket_path;
  GrpcServerOptions options;
  options.socket_path = path;
  EXPECT_EQ(GrpcServer::Start(options, {}).status().code(), absl::StatusCode::kAlreadyExists);
  struct stat at {};
  ASSERT_EQ(lstat(path.c_str(), &at), 0);
  EXPECT_EQ(at.st_mode & 0777, 0660u);
  server_.reset();
  EXPECT_NE(lstat(path.c_str(), &at), 0);  // cleaned up

  // Left behind by a process that was killed.
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  path.copy(name.sun_path, sizeof name.sun_path - 1);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
  close(fd);
  EXPECT_TRUE(GrpcServer::Start(options, {}).ok());

  std::ofstream(path) << "something else";
  EXPECT_EQ(GrpcServer::Start(options, {}).status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST_F(ServerTest, AddressesThatAreNone) {
  for (const char* address : {"", "127.0.0.1", "127.0.0.1:", "127.0.0.1:99999", "[::1:80",
                              "example.org:80", "127.0.0.1:80x", "256.0.0.1:80"}) {
    EXPECT_EQ(Listener::Tcp(address).status().code(), absl::StatusCode::kInvalidArgument)
        << address;
  }
  EXPECT_EQ(Listener::Unix(std::string(200, 'x')).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(Listener::Unix((folder_ / "no" / "such").string()).ok());
  const auto local = Listener::Tcp("localhost:0");
  ASSERT_TRUE(local.ok());
  EXPECT_GT(local->port(), 0);
  const auto v6 = Listener::Tcp("[::1]:0");
  if (v6.ok()) {
    EXPECT_THAT(v6->address(), HasSubstr("[::1]:"));
  }
}

TEST_F(ServerTest, ConnectionsBeyondTheCapAreClosedUntilOthersGo) {
  GrpcServerOptions options = Options();
  options.connections_max = 3;
  Serve(options);
  const auto connects = [&](const std::shared_ptr<grpc::Channel>& channel) {
    return channel->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(60));
  };
  std::vector<std::shared_ptr<grpc::Channel>> channels;
  for (int i = 0; i < 3; ++i) {
    channels.push_back(Dial(server_->address()));
    ASSERT_TRUE(connects(channels.back()));
  }
  EXPECT_EQ(server_->connections().open, 3u);
  const auto fourth = Dial(server_->address());
  EXPECT_FALSE(
      fourth->WaitForConnected(std::chrono::system_clock::now() + std::chrono::milliseconds(300)));
  EXPECT_GE(server_->connections().refused, 1u);
  channels.pop_back();
  EXPECT_TRUE(connects(fourth));
}

TEST_F(ServerTest, MemoryThatGrowsUnexplainedEndsConnectionsOverTcp) {
  std::atomic<uint64_t> unexplained = 0;
  GrpcServerOptions options = Options();
  options.unexplained_bytes = [&] { return unexplained.load(); };
  Serve(options);
  const auto local = v1::IngestionService::NewStub(Dial(server_->socket_address()));
  const auto context = Patient(), local_context = Patient();
  const auto stream = stub_->StreamInferences(context.get());
  const auto local_stream = local->StreamInferences(local_context.get());
  Answers answers, local_answers;
  ASSERT_TRUE(stream->Write(HelloMessage("tcp", 1)) && ReadOne(stream.get(), &answers));
  ASSERT_TRUE(local_stream->Write(HelloMessage("local", 1)) &&
              ReadOne(local_stream.get(), &local_answers));
  // A little growth is not a flood.
  unexplained = 4 << 20;
  std::this_thread::sleep_for(std::chrono::milliseconds(1'500));
  EXPECT_EQ(server_->connections().refused, 0u);
  unexplained = 100 << 20;
  EXPECT_TRUE(WaitUntil([&] { return server_->connections().refused == 1; }));
  EXPECT_FALSE(ReadOne(stream.get(), &answers));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  // Memory that no longer grows is not a flood either: a client that reconnects stays.
  EXPECT_TRUE(WaitUntil([&] {
    const uint64_t refused = server_->connections().refused;
    const auto channel = Dial(server_->address());
    channel->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(60));
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    return server_->connections().refused == refused;
  }));
  ASSERT_TRUE(local_stream->Write(BatchMessage(1, NumbersBatch(3))));
  EXPECT_TRUE(ReadOne(local_stream.get(), &local_answers)) << "the socket is left alone";
  EXPECT_EQ(local_answers.committed, 1u);
  local_context->TryCancel();
}

TEST_F(ServerTest, TheFirstCallAfterIdleDoesNotWaitForASleepingPoller) {
  Serve();
  v1::LogInferencesRequest request;
  *request.mutable_batch() = NumbersBatch(1);
  v1::LogInferencesResponse response;
  ASSERT_TRUE(Log(request, &response).ok());
  auto fastest = std::chrono::nanoseconds::max();
  for (int i = 0; i < 5; ++i) {
    // gRPC's callback threads would sleep from 1.0 s to 1.1 s after they saw the last event, and
    // each of these calls would wait for about 50 ms.
    std::this_thread::sleep_for(std::chrono::milliseconds(1'050));
    const auto start = std::chrono::steady_clock::now();
    ASSERT_TRUE(Log(request, &response).ok());
    fastest = std::min(fastest, std::chrono::steady_clock::now() - start);
  }
  EXPECT_LT(fastest, std::chrono::milliseconds(20));
}

TEST_F(ServerTest, StopIsBoundedWithStuckClients) {
  Serve();
  intake_.set_holding(true);  // acknowledgements never come
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<Stream>> streams;
  for (int i = 0; i < 20; ++i) {
    contexts.push_back(Patient());
    streams.push_back(stub_->StreamInferences(contexts.back().get()));
    streams.back()->Write(HelloMessage("", 0));
    if (i % 2 == 0) streams.back()->Write(BatchMessage(1, NumbersBatch(10)));
  }
  ASSERT_TRUE(WaitUntil([&] { return intake_.batches() == 10; }));
  const int raw = socket(AF_INET, SOCK_STREAM, 0);  // a connection that never says anything
  const auto start = std::chrono::steady_clock::now();
  service_->Drain();
  server_->Stop(std::chrono::milliseconds(500));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
  close(raw);
  // Late callbacks of the pipeline do nothing.
  intake_.Commit();
  for (auto& stream : streams) {
    Answers answers;
    while (ReadOne(stream.get(), &answers)) {
    }
    EXPECT_FALSE(stream->Finish().ok());
  }
}

TEST_F(ServerTest, DrainAcknowledgesWhatIsIn) {
  Serve();
  intake_.set_holding(true);
  auto context = Patient();
  auto stream = stub_->StreamInferences(context.get());
  Answers answers;
  stream->Write(HelloMessage("p", 1));
  ASSERT_TRUE(ReadOne(stream.get(), &answers));
  stream->Write(BatchMessage(1, NumbersBatch(5)));
  ASSERT_TRUE(WaitUntil([&] { return intake_.batches() == 1; }));
  server_->Retire();
  service_->Drain();
  intake_.Commit();
  while (ReadOne(stream.get(), &answers)) {
  }
  EXPECT_EQ(answers.committed, 1u);
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  // A stream that opens now is refused.
  auto late_context = Patient();
  auto late = stub_->StreamInferences(late_context.get());
  EXPECT_EQ(late->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

}  // namespace
}  // namespace faultline
