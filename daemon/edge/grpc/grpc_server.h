#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "daemon/edge/grpc/acceptor.h"

namespace grpc {
class Service;
}

namespace faultline {

struct GrpcServerOptions {
  std::string address;      // of TCP; empty: off
  std::string socket_path;  // of the unix socket; empty: off
  uint32_t connections_max = 1'000;
  uint64_t message_bytes_max = 4ull << 20;
  uint64_t queue_bytes_max = 64ull << 20;
  // Asked about every 300 ms: whether health says SERVING. Must not block.
  std::function<absl::Status()> ready;
  // Asked every 10 to 50 ms, if set: unexplained memory of the process. While it grows, TCP
  // connections are closed. Must not block.
  std::function<uint64_t()> unexplained_bytes;
};

// The gRPC server of the daemon, with health ("" and IngestionService) and reflection.
//
// Operation:    connections come from our own Acceptor. Flow control is set so that a stream that
// is
//               not read takes 64 KiB; compression is off, because gRPC 1.51 inflates a message
//               before it checks the size. A health check through an in-process channel every
//               300 ms keeps gRPC's callback threads awake: after an idle second they would sleep
//               for 100 ms, and the next call would wait for them.
// Concurrency:  thread-safe.
// Failures:     running out of file descriptors stops new connections until some are free again.
class GrpcServer {
 public:
  // `services` must outlive it. Errors are those of Listener.
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Start(
      const GrpcServerOptions& options, const std::vector<grpc::Service*>& services);
  // As Stop, with two seconds.
  ~GrpcServer();

  // From now on health says NOT_SERVING and no connection is accepted; current calls go on.
  // Idempotent.
  void Retire();
  // Retires, lets calls end by themselves for `patience`, and cancels the rest. Every service must
  // finish a call that is cancelled. Idempotent.
  void Stop(std::chrono::milliseconds patience);

  // As clients dial it; empty if it is off.
  const std::string& address() const;
  const std::string& socket_address() const;
  uint16_t port() const;  // of TCP
  ConnectionCounts connections();

 private:
  struct Impl;
  explicit GrpcServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace faultline
