#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

namespace faultline {

class HttpSession;

// The open sessions of a server, and the order in which they began to wait for their clients.
//
// Concurrency:  not thread-safe. Does not call the sessions.
class HttpSessions {
 public:
  // A refused session only tells its client that there are too many.
  void Add(const std::shared_ptr<HttpSession>& session, bool refused);
  // False if it was not added or was removed before.
  bool Remove(HttpSession* session);

  bool empty() const { return sessions_.empty(); }
  size_t refused() const { return refused_; }
  size_t served() const { return sessions_.size() - refused_; }
  std::vector<std::shared_ptr<HttpSession>> All() const;

  // The session begins to wait for its client, or no longer does. Ignores sessions that were not
  // added.
  void WaitsForClient(HttpSession* session);
  void WaitsForServer(HttpSession* session);
  // The session that has waited for its client longest; null if no session does.
  HttpSession* LongestWaiting() const;

 private:
  struct Entry {
    std::shared_ptr<HttpSession> session;
    bool refused = false;
    uint64_t turn = 0;  // its key in waiting_; 0: does not wait for its client
  };

  void StopWaiting(Entry* entry);

  std::map<HttpSession*, Entry> sessions_;
  std::map<uint64_t, HttpSession*> waiting_;
  uint64_t last_turn_ = 0;
  size_t refused_ = 0;
};

}  // namespace faultline
