#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace faultline::testing {

// A TCP connection to loopback that sends the given bytes.
class RawSocket {
 public:
  // "127.0.0.1:port"
  explicit RawSocket(const std::string& address);
  ~RawSocket();
  RawSocket(RawSocket&& other) noexcept;
  RawSocket& operator=(RawSocket&& other) noexcept;

  bool connected() const { return fd_ >= 0; }
  // False once the other side has closed, or takes no more.
  bool Send(std::string_view bytes);
  // As long as the other side takes some of it now and then; what it sends meanwhile is dropped.
  bool SendAll(std::string_view bytes);
  // What comes until the other side closes or the patience is at its end.
  std::string Read(std::chrono::milliseconds patience);
  // Whether the other side has closed; what it has sent is dropped.
  bool Closed();

 private:
  int fd_ = -1;
};

}  // namespace faultline::testing
