#include "daemon/edge/grpc/acceptor.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/check.h"
#include "base/clock.h"
#include "base/descriptors.h"

namespace faultline {
namespace {

constexpr int kRestMs = 100;
constexpr int64_t kSweepNs = 50'000'000;
// So that one listener does not starve the others.
constexpr int kAcceptsPerTurn = 64;

uint64_t InodeOf(int fd) {
  struct stat at {};
  return fstat(fd, &at) == 0 ? at.st_ino : 0;
}

bool OverTcp(int fd) {
  sockaddr_storage own{};
  socklen_t size = sizeof own;
  return getsockname(fd, reinterpret_cast<sockaddr*>(&own), &size) == 0 && own.ss_family != AF_UNIX;
}

// gRPC prints the peer's address, and leaks the descriptor if it cannot.
bool UsablePeer(int fd) {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0) return false;
  if (peer.ss_family != AF_UNIX) return peer.ss_family == AF_INET || peer.ss_family == AF_INET6;
  return size <= offsetof(sockaddr_un, sun_path);  // a client has no reason to name its socket
}

}  // namespace

absl::StatusOr<std::unique_ptr<Acceptor>> Acceptor::Start(std::vector<Listener> listeners,
                                                          uint32_t connections_max,
                                                          std::function<void(int fd)> take) {
  const int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake < 0) return absl::ErrnoToStatus(errno, "eventfd");
  return std::unique_ptr<Acceptor>(
      new Acceptor(wake, std::move(listeners), connections_max, std::move(take)));
}

Acceptor::Acceptor(int wake, std::vector<Listener> listeners, uint32_t connections_max,
                   std::function<void(int fd)> take)
    : listeners_(std::move(listeners)),
      connections_max_(connections_max),
      take_(std::move(take)),
      wake_(wake),
      thread_([this] { Serve(); }) {}

Acceptor::~Acceptor() {
  Stop();
  close(wake_);
}

void Acceptor::Stop() {
  if (!thread_.joinable()) return;
  const uint64_t one = 1;
  FAULTLINE_CHECK(write(wake_, &one, sizeof one) == sizeof one, "an eventfd takes one more");
  thread_.join();
  listeners_.clear();
}

ConnectionCounts Acceptor::counts() {
  std::lock_guard lock(mutex_);
  Sweep();
  return {open_.size(), accepted_, refused_, failures_};
}

bool Acceptor::MayHaveTcp() {
  std::lock_guard lock(mutex_);
  return std::any_of(open_.begin(), open_.end(),
                     [](const Connection& connection) { return connection.tcp; });
}

// Not by shutdown, after which received bytes would still be read: dissolving the association
// (connect(2)) drops them.
size_t Acceptor::CutTcp() {
  std::lock_guard lock(mutex_);
  size_t cut = 0;
  for (Connection& connection : open_) {
    if (!std::exchange(connection.tcp, false) || InodeOf(connection.fd) != connection.inode)
      continue;
    const sockaddr unspecified = {.sa_family = AF_UNSPEC, .sa_data = {}};
    cut += connect(connection.fd, &unspecified, sizeof unspecified) == 0 ? 1 : 0;
  }
  refused_ += cut;
  return cut;
}

void Acceptor::Serve() {
  std::vector<pollfd> polled{{wake_, POLLIN, 0}};
  for (const Listener& listener : listeners_) polled.push_back({listener.fd(), POLLIN, 0});
  bool rest = false;
  while (true) {
    // During the pause only a stop can wake it.
    const int ready = poll(polled.data(), rest ? 1 : polled.size(), rest ? kRestMs : -1);
    if (ready < 0 && errno != EINTR) rest = true;
    if (polled[0].revents != 0) return;
    if (rest && ready == 0) {
      rest = false;
      continue;
    }
    for (size_t i = 1; i < polled.size() && ready > 0; ++i) {
      if (polled[i].revents != 0) rest |= !AcceptAll(polled[i].fd);
    }
  }
}

bool Acceptor::AcceptAll(int listener) {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      Receive(listener, fd);
      continue;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) return true;
    // The peer went away again, or its network did: accept(2) says to go on.
    if (errno == EINTR || errno == ECONNABORTED || errno == EPROTO || errno == ENETDOWN ||
        errno == ENOPROTOOPT || errno == EHOSTDOWN || errno == ENONET || errno == EHOSTUNREACH ||
        errno == EOPNOTSUPP || errno == ENETUNREACH || errno == EPERM) {
      continue;
    }
    ++failures_;
    return false;
  }
  return true;
}

void Acceptor::Receive(int listener, int fd) {
  if (!UsablePeer(fd) || !Room(listener, fd)) {
    ++refused_;
    close(fd);
    return;
  }
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // fails on a unix socket: no matter
  ++accepted_;
  take_(fd);
}

bool Acceptor::Room(int listener, int fd) {
  if (fd >= DescriptorsForConnections()) return false;
  const uint64_t inode = InodeOf(fd);
  std::lock_guard lock(mutex_);
  const auto full = [&] {
    return std::count_if(open_.begin(), open_.end(), [&](const Connection& connection) {
             return connection.listener == listener;
           }) >= static_cast<int64_t>(connections_max_);
  };
  if (full()) Sweep();
  if (full()) return false;
  open_.push_back({fd, inode, listener, OverTcp(fd)});
  return true;
}

void Acceptor::Sweep() {
  const int64_t now_ns = SteadyNowNs();
  if (now_ns - swept_ns_ < kSweepNs) return;
  swept_ns_ = now_ns;
  // A descriptor that was closed is gone, or names another file by now.
  std::erase_if(open_, [](const Connection& connection) {
    return InodeOf(connection.fd) != connection.inode;
  });
}

}  // namespace faultline
