#include "daemon/edge/grpc/grpc_server.h"

#include <google/protobuf/stubs/logging.h>
#include <grpc/grpc.h>
#include <grpc/support/log.h>
#include <grpc/support/time.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "daemon/edge/grpc/peer_uid.h"
#include "daemon/log/log.h"
#include "faultline/v1/ingestion.grpc.pb.h"

namespace faultline {
namespace {

constexpr std::chrono::milliseconds kHeartbeat{300};
constexpr std::chrono::milliseconds kRelief{10};
constexpr std::chrono::milliseconds kNoRelief{50};  // while there is no TCP connection
constexpr int kLooksToSettle = 100;
constexpr uint64_t kFloodBytes = 8 << 20;
constexpr int kMessageSlackBytes = 64 << 10;
// The review services block a thread per call; reflection does too.
constexpr int kSyncThreadsMax = 64;

void SetChannelArguments(grpc::ServerBuilder* builder) {
  builder->AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 64 << 10);
  builder->AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 100);
  builder->AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, 8 << 10);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
  builder->AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, 10'000);
  builder->AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, 30 * 60 * 1'000);
}

void SetLimits(const GrpcServerOptions& options, grpc::ServerBuilder* builder) {
  builder->SetMaxReceiveMessageSize(static_cast<int>(options.message_bytes_max) +
                                    kMessageSlackBytes);
  builder->SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
  builder->SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_GZIP, false);
  builder->SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder->SetSyncServerOption(grpc::ServerBuilder::MIN_POLLERS, 1);
  builder->SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 2);
  // The last resort: under memory pressure it kills streams, while flow control only slows them.
  grpc::ResourceQuota quota("faultline");
  quota.Resize(std::max<uint64_t>(2 * options.queue_bytes_max, 128ull << 20));
  quota.SetMaxThreads(kSyncThreadsMax);
  builder->SetResourceQuota(quota);
}

gpr_timespec After(std::chrono::milliseconds span) {
  return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                      gpr_time_from_millis(span.count(), GPR_TIMESPAN));
}

// gRPC's own log lines. They may quote what peers sent, so the text is a field.
void LogGrpcLine(gpr_log_func_args* line) {
  if (line->severity == GPR_LOG_SEVERITY_ERROR)
    Log(LogLevel::kWarn, "gRPC", {{"line", line->message}});
}

// Process-wide settings of the libraries.
void PrepareLibraries() {
  static const bool once = [] {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    gpr_set_log_function(&LogGrpcLine);
    // Protobuf would log a line per hostile message; refusals are counted and answered instead.
    google::protobuf::SetLogHandler(nullptr);
    return true;
  }();
  (void)once;
}

}  // namespace

struct GrpcServer::Impl {
  std::string address, socket_address;
  uint16_t port = 0;
  std::function<absl::Status()> ready;
  std::function<uint64_t()> unexplained_bytes;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> intake;
  UserPorts users;
  std::unique_ptr<grpc::Server> server;
  std::unique_ptr<Acceptor> acceptor;
  std::unique_ptr<grpc::GenericStub> self;  // through the in-process channel

  std::mutex mutex;
  std::condition_variable changed;
  bool retired = false;
  bool stopping = false;
  bool stopped = false;
  std::mutex stop_mutex;  // one Stop at a time
  std::thread heartbeat;
  std::thread relief;

  absl::Status Open(const GrpcServerOptions& options, const std::vector<grpc::Service*>& services);
  void Beat();
  void Relieve();
  void CheckHealth();
  void ShowHealth();
};

absl::Status GrpcServer::Impl::Open(const GrpcServerOptions& options,
                                    const std::vector<grpc::Service*>& services) {
  PrepareLibraries();
  std::vector<Listener> listeners;
  if (!options.address.empty()) {
    absl::StatusOr<Listener> tcp = Listener::Tcp(options.address);
    if (!tcp.ok()) return tcp.status();
    address = tcp->address();
    port = tcp->port();
    listeners.push_back(std::move(*tcp));
  }
  if (!options.socket_path.empty()) {
    absl::StatusOr<Listener> local = Listener::Unix(options.socket_path);
    if (!local.ok()) return local.status();
    socket_address = local->address();
    listeners.push_back(std::move(*local));
  }

  grpc::ServerBuilder builder;
  SetChannelArguments(&builder);
  SetLimits(options, &builder);
  for (grpc::Service* service : services) builder.RegisterService(service);
  using Builder = grpc::ServerBuilder::experimental_type;
  intake = builder.experimental().AddExternalConnectionAcceptor(
      Builder::ExternalConnectionType::FROM_FD, grpc::InsecureServerCredentials());
  users.AddPorts(&builder);
  server = builder.BuildAndStart();
  if (server == nullptr) return absl::InternalError("gRPC did not start");

  ready = options.ready;
  ShowHealth();
  self = std::make_unique<grpc::GenericStub>(server->InProcessChannel({}));
  heartbeat = std::thread([this] { Beat(); });
  auto started = Acceptor::Start(std::move(listeners), options.connections_max, [this](int fd) {
    grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
    connection.fd = fd;
    if (!users.Take(fd)) intake->HandleNewConnection(&connection);
  });
  if (!started.ok()) return started.status();
  acceptor = std::move(*started);
  if (options.unexplained_bytes) {
    unexplained_bytes = options.unexplained_bytes;
    relief = std::thread([this] { Relieve(); });
  }
  return absl::OkStatus();
}

void GrpcServer::Impl::ShowHealth() {
  const bool serving = !retired && (!ready || ready().ok());
  grpc::HealthCheckServiceInterface* health = server->GetHealthCheckService();
  health->SetServingStatus("", serving);
  health->SetServingStatus(v1::IngestionService::service_full_name(), serving);
}

void GrpcServer::Impl::CheckHealth() {
  std::mutex done_mutex;
  std::condition_variable done;
  bool ended = false;
  grpc::ClientContext context;
  context.set_deadline(After(std::chrono::seconds(1)));
  const grpc::ByteBuffer request(nullptr, 0);
  grpc::ByteBuffer response;
  self->UnaryCall(&context, "/grpc.health.v1.Health/Check", {}, &request, &response,
                  [&](const grpc::Status& /*status*/) {
                    std::lock_guard lock(done_mutex);
                    ended = true;
                    done.notify_one();
                  });
  std::unique_lock lock(done_mutex);
  done.wait(lock, [&] { return ended; });
}

void GrpcServer::Impl::Beat() {
  std::unique_lock lock(mutex);
  while (!changed.wait_for(lock, kHeartbeat, [&] { return stopping; })) {
    ShowHealth();
    lock.unlock();
    CheckHealth();
    lock.lock();
  }
}

// gRPC 1.51 accepts calls faster than it ends them, when a client opens and resets them in a loop,
// and has no limit on the calls that wait. Memory that does not grow is not a flood and costs no
// connection.
void GrpcServer::Impl::Relieve() {
  uint64_t settled = 0;
  int looks = 0;
  std::unique_lock lock(mutex);
  const auto pause = [&] { return acceptor->MayHaveTcp() ? kRelief : kNoRelief; };
  while (!changed.wait_for(lock, pause(), [&] { return stopping; })) {
    lock.unlock();
    const uint64_t bytes = unexplained_bytes();
    if (++looks % kLooksToSettle == 0 || bytes < settled) settled = bytes;
    const size_t cut = bytes > settled + kFloodBytes ? acceptor->CutTcp() : 0;
    if (cut > 0) {
      Log(LogLevel::kWarn, "memory nears limits.memory: connections over TCP were cut",
          {{"connections", static_cast<int64_t>(cut)}});
    }
    lock.lock();
  }
}

GrpcServer::GrpcServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

GrpcServer::~GrpcServer() { Stop(std::chrono::seconds(2)); }

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Start(
    const GrpcServerOptions& options, const std::vector<grpc::Service*>& services) {
  std::unique_ptr<GrpcServer> server(new GrpcServer(std::make_unique<Impl>()));
  if (absl::Status opened = server->impl_->Open(options, services); !opened.ok()) return opened;
  return server;
}

void GrpcServer::Retire() {
  if (impl_->server == nullptr) return;
  {
    std::lock_guard lock(impl_->mutex);
    if (std::exchange(impl_->retired, true)) return;
    impl_->ShowHealth();
  }
  if (impl_->acceptor != nullptr) impl_->acceptor->Stop();
}

void GrpcServer::Stop(std::chrono::milliseconds patience) {
  if (impl_->server == nullptr) return;
  std::lock_guard once(impl_->stop_mutex);
  if (std::exchange(impl_->stopped, true)) return;
  Retire();
  {
    std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->changed.notify_all();
  impl_->heartbeat.join();
  if (impl_->relief.joinable()) impl_->relief.join();
  impl_->self.reset();
  impl_->server->Shutdown(After(patience));
}

const std::string& GrpcServer::address() const { return impl_->address; }
const std::string& GrpcServer::socket_address() const { return impl_->socket_address; }
uint16_t GrpcServer::port() const { return impl_->port; }

ConnectionCounts GrpcServer::connections() {
  return impl_->acceptor == nullptr ? ConnectionCounts{} : impl_->acceptor->counts();
}

}  // namespace faultline
