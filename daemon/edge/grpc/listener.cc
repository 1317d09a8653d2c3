#include "daemon/edge/grpc/listener.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace faultline {
namespace {

constexpr int kBacklog = 512;
constexpr mode_t kSocketMode = 0660;

struct TcpAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  std::string host;  // as it is written in front of a port
};

absl::Status SystemError(const std::string& what, int error) {
  if (error == EADDRINUSE) {
    return absl::AlreadyExistsError(absl::StrCat(what, ": something else listens there already"));
  }
  return absl::ErrnoToStatus(error, what);
}

absl::StatusOr<TcpAddress> ParseTcp(const std::string& address) {
  const auto wrong = [&] {
    return absl::InvalidArgumentError(absl::StrCat(
        address, ": expected an address and a port such as 127.0.0.1:7070 or [::1]:7070"));
  };
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos) return wrong();
  std::string host = address.substr(0, colon);
  uint32_t port = 0;
  if (!absl::SimpleAtoi(address.substr(colon + 1), &port) || port > 65'535) return wrong();
  if (host == "localhost") host = "127.0.0.1";

  TcpAddress out;
  out.host = host;
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&out.storage);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(static_cast<uint16_t>(port));
    out.size = sizeof *v6;
    const std::string inside = host.substr(1, host.size() - 2);
    if (inet_pton(AF_INET6, inside.c_str(), &v6->sin6_addr) != 1) return wrong();
  } else {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&out.storage);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(static_cast<uint16_t>(port));
    out.size = sizeof *v4;
    if (inet_pton(AF_INET, host.c_str(), &v4->sin_addr) != 1) return wrong();
  }
  return out;
}

// True if a process accepts connections at a unix socket.
bool Answers(const sockaddr_un& name) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return true;  // unknown: better to refuse than to take the path away
  const int result = connect(fd, reinterpret_cast<const sockaddr*>(&name), sizeof name);
  // A full backlog answers EAGAIN; only a refusal proves that no process listens.
  const bool unused = result != 0 && errno == ECONNREFUSED;
  close(fd);
  return !unused;
}

absl::Status ClearPath(const std::string& path, const sockaddr_un& name) {
  struct stat at {};
  if (lstat(path.c_str(), &at) != 0) {
    return errno == ENOENT ? absl::OkStatus() : SystemError(path, errno);
  }
  if (!S_ISSOCK(at.st_mode)) {
    return absl::AlreadyExistsError(absl::StrCat(path, ": exists and is not a socket"));
  }
  if (Answers(name)) {
    return absl::AlreadyExistsError(absl::StrCat(path, ": something else listens there already"));
  }
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return SystemError(path, errno);
  return absl::OkStatus();
}

}  // namespace

Listener::Listener(Listener&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      address_(std::move(other.address_)),
      port_(other.port_),
      path_(std::exchange(other.path_, "")),
      inode_(other.inode_) {}

Listener::~Listener() {
  if (fd_ < 0) return;
  struct stat at {};
  // Not a file that another process has put there since.
  if (!path_.empty() && lstat(path_.c_str(), &at) == 0 && at.st_ino == inode_) {
    unlink(path_.c_str());
  }
  close(fd_);
}

absl::StatusOr<Listener> Listener::Tcp(const std::string& address) {
  absl::StatusOr<TcpAddress> parsed = ParseTcp(address);
  if (!parsed.ok()) return parsed.status();
  const int family = parsed->storage.ss_family;
  const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return SystemError(address, errno);
  Listener listener(fd);
  const int on = 1;
  // Lets a restart follow at once; unlike SO_REUSEPORT it does not let two listen side by side.
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  auto* name = reinterpret_cast<sockaddr*>(&parsed->storage);
  if (bind(fd, name, parsed->size) != 0 || listen(fd, kBacklog) != 0) {
    return SystemError(address, errno);
  }
  if (getsockname(fd, name, &parsed->size) != 0) return SystemError(address, errno);
  const uint16_t port = family == AF_INET6
                            ? reinterpret_cast<sockaddr_in6*>(&parsed->storage)->sin6_port
                            : reinterpret_cast<sockaddr_in*>(&parsed->storage)->sin_port;
  listener.port_ = ntohs(port);
  listener.address_ = absl::StrCat(parsed->host, ":", listener.port_);
  return listener;
}

absl::StatusOr<Listener> Listener::Unix(const std::string& path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof name.sun_path || path.find('\0') != std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": the path of a socket has 1 to ", sizeof name.sun_path - 1, " bytes"));
  }
  std::memcpy(name.sun_path, path.data(), path.size());
  if (absl::Status cleared = ClearPath(path, name); !cleared.ok()) return cleared;

  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return SystemError(path, errno);
  Listener listener(fd);
  // Before bind: the file is never there with a wider mode.
  fchmod(fd, kSocketMode);
  if (bind(fd, reinterpret_cast<sockaddr*>(&name), sizeof name) != 0) {
    return SystemError(path, errno);
  }
  struct stat at {};
  if (lstat(path.c_str(), &at) != 0) return SystemError(path, errno);
  listener.path_ = path;
  listener.inode_ = at.st_ino;
  // The umask may have taken away the group's bits.
  if (chmod(path.c_str(), kSocketMode) != 0 || listen(fd, kBacklog) != 0) {
    return SystemError(path, errno);
  }
  listener.address_ = absl::StrCat("unix:", path);
  return listener;
}

}  // namespace faultline
