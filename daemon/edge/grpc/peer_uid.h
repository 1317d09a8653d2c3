#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace grpc {
class ServerBuilder;
class ServerContext;
}  // namespace grpc
namespace grpc::experimental {
class ExternalConnectionAcceptor;
}  // namespace grpc::experimental

namespace faultline {

inline constexpr size_t kPeerUidsMax = 16;

// The user at the other end of the unix socket of a call, as the kernel says; nullopt for other
// sockets, and for users beyond the first kPeerUidsMax that ever connected.
std::optional<uint32_t> PeerUid(const grpc::ServerContext& context);

// Hands connections of unix sockets to gRPC so that PeerUid knows their users. All that gRPC tells
// a call about its connection is the credentials of the port; so every user gets a port of their
// own.
//
// Operation:    AddPorts before the server is built, Take for each connection.
// Concurrency:  Take is thread-safe.
class UserPorts {
 public:
  UserPorts();
  ~UserPorts();

  void AddPorts(grpc::ServerBuilder* builder);
  // Takes ownership of a connection of a unix socket; false if it is not one, or all ports are in
  // use.
  bool Take(int fd);

 private:
  struct Port;
  std::mutex mutex_;
  size_t used_ = 0;
  std::vector<std::unique_ptr<Port>> ports_;
};

}  // namespace faultline
