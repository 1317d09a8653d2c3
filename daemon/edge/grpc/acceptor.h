#pragma once

#include <absl/status/statusor.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "daemon/edge/grpc/listener.h"

namespace faultline {

struct ConnectionCounts {
  uint64_t open = 0;
  uint64_t accepted = 0;
  uint64_t refused = 0;   // closed at once: too many, or a peer without a usable address
  uint64_t failures = 0;  // accept failed, for want of file descriptors for example
};

// Accepts connections and hands them on.
//
// Operation:    one thread waits in poll for all listeners and accepts without blocking. When the
//               process or the system is out of file descriptors or memory it rests for 100 ms and
//               goes on; connections meanwhile wait in the backlog. Connections beyond the cap, or
//               that would take the last file descriptors away from the store, are accepted and
//               closed at once. The cap applies to each listener separately: idle clients that use
//               up one listener do not lock out the clients of another.
// Concurrency:  thread-safe.
// Limitations:  `take` owns the connection and closes it. The acceptor notices by checking the
//               descriptor, at the latest when the cap is reached.
class Acceptor {
 public:
  // `take` becomes the owner of a connected, non-blocking descriptor; called on the thread.
  static absl::StatusOr<std::unique_ptr<Acceptor>> Start(std::vector<Listener> listeners,
                                                         uint32_t connections_max,
                                                         std::function<void(int fd)> take);
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  // Closes the listeners and ends the thread. Idempotent.
  void Stop();

  ConnectionCounts counts();

  // False if no connection over TCP is open.
  bool MayHaveTcp();
  // Ends the TCP connections and drops what was received on them but not read; counts them as
  // refused. Returns their number.
  size_t CutTcp();

 private:
  struct Connection {
    int fd = -1;
    uint64_t inode = 0;
    int listener = -1;
    bool tcp = false;  // and not cut
  };

  Acceptor(int wake, std::vector<Listener> listeners, uint32_t connections_max,
           std::function<void(int fd)> take);

  void Serve();
  // Accepts pending connections. False if file descriptors or memory ran out.
  bool AcceptAll(int listener);
  void Receive(int listener, int fd);
  bool Room(int listener, int fd);
  void Sweep();

  std::vector<Listener> listeners_;
  const uint32_t connections_max_;
  const std::function<void(int fd)> take_;
  const int wake_;  // an eventfd
  std::mutex mutex_;
  std::vector<Connection> open_;
  int64_t swept_ns_ = 0;
  std::atomic<uint64_t> accepted_ = 0;
  std::atomic<uint64_t> refused_ = 0;
  std::atomic<uint64_t> failures_ = 0;
  std::thread thread_;
};

}  // namespace faultline
