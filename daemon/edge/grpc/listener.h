#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>

namespace faultline {

// A listening, non-blocking socket. The destructor closes it and removes the file of a unix socket.
class Listener {
 public:
  // `address` is "127.0.0.1:7070", "[::1]:0" or "localhost:7070"; port 0 takes any. No other
  // process can listen on the same port while it lives. INVALID_ARGUMENT for other
  // addresses, ALREADY_EXISTS if the port is taken, otherwise the system's error.
  static absl::StatusOr<Listener> Tcp(const std::string& address);
  // A unix socket for owner and group. A socket file without a listener is replaced;
  // ALREADY_EXISTS if it has one, or if `path` is not a socket.
  static absl::StatusOr<Listener> Unix(const std::string& path);

  Listener(Listener&& other) noexcept;
  Listener& operator=(Listener&&) = delete;
  ~Listener();

  int fd() const { return fd_; }
  // As clients dial it: "127.0.0.1:34567" or "unix:/run/faultline.sock".
  const std::string& address() const { return address_; }
  uint16_t port() const { return port_; }  // 0 for a unix socket

 private:
  explicit Listener(int fd) : fd_(fd) {}

  int fd_ = -1;
  std::string address_;
  uint16_t port_ = 0;
  std::string path_;    // of our own socket file; empty for TCP
  uint64_t inode_ = 0;  // of it
};

}  // namespace faultline
