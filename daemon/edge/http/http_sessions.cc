#include "daemon/edge/http/http_sessions.h"

#include <utility>

namespace faultline {

void HttpSessions::Add(const std::shared_ptr<HttpSession>& session, bool refused) {
  sessions_.emplace(session.get(), Entry{session, refused, 0});
  refused_ += refused ? 1 : 0;
}

bool HttpSessions::Remove(HttpSession* session) {
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return false;
  StopWaiting(&found->second);
  refused_ -= found->second.refused ? 1 : 0;
  sessions_.erase(found);
  return true;
}

std::vector<std::shared_ptr<HttpSession>> HttpSessions::All() const {
  std::vector<std::shared_ptr<HttpSession>> all;
  all.reserve(sessions_.size());
  for (const auto& [key, entry] : sessions_) all.push_back(entry.session);
  return all;
}

void HttpSessions::WaitsForClient(HttpSession* session) {
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return;
  StopWaiting(&found->second);
  found->second.turn = ++last_turn_;
  waiting_.emplace(last_turn_, session);
}

void HttpSessions::WaitsForServer(HttpSession* session) {
  const auto found = sessions_.find(session);
  if (found != sessions_.end()) StopWaiting(&found->second);
}

HttpSession* HttpSessions::LongestWaiting() const {
  return waiting_.empty() ? nullptr : waiting_.begin()->second;
}

void HttpSessions::StopWaiting(Entry* entry) {
  if (entry->turn != 0) waiting_.erase(std::exchange(entry->turn, 0));
}

}  // namespace faultline
