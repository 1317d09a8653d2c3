#pragma once

#include <algorithm>
#include <cstdint>

namespace faultline {

// Whether rows of a stream arrive, by the daemon's clock, so that panes close when they stop, and
// silence is distinguished from a daemon that was not running. Not stored.
//
// Concurrency:  none.
class RowFlow {
 public:
  // Rows were received. They are live if their delay is at most `lag_max_ns`.
  void Take(int64_t received_ns, int64_t last_event_ns, int64_t lag_max_ns) {
    quiet_since_ns_ = received_ns;
    live_ = received_ns - last_event_ns <= lag_max_ns;
  }
  // The daemon was not running since the newest rows: the next Tick starts as after a restart.
  void Resume() { quiet_since_ns_ = 0; }
  // True if no rows have arrived for `idle_ns` (0: always false). `restarted_live_max_ns`: after a
  // restart, rows count as live if the newest is at most this old.
  bool Idle(int64_t now_ns, int64_t idle_ns, int64_t last_event_ns, int64_t restarted_live_max_ns) {
    if (quiet_since_ns_ == 0) {
      quiet_since_ns_ = now_ns;
      live_ = now_ns - last_event_ns <= restarted_live_max_ns;
    }
    return idle_ns > 0 && now_ns - quiet_since_ns_ >= idle_ns;
  }

  // Whether the newest rows were live.
  bool live() const { return live_; }
  int64_t quiet_since_ns() const { return quiet_since_ns_; }
  // The first pane of the silence that is not judged yet, at least `from`.
  int64_t NextSilent(int64_t from) const { return std::max(from, silent_next_); }
  void JudgedSilenceBefore(int64_t index) { silent_next_ = index; }

 private:
  int64_t quiet_since_ns_ = 0;  // the daemon's clock at the newest rows; 0: not known
  bool live_ = false;
  int64_t silent_next_ = 0;
};

}  // namespace faultline
