#include "daemon/ingest/waiting_line.h"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

namespace faultline {
namespace {

// Space that came up between an attempt and the call to WhenSpace is announced by nobody.
constexpr std::chrono::milliseconds kRetry{100};

}  // namespace

struct WaitingLine::State {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Attempt> line;
  bool asked = false;  // WhenSpace will call back
  bool space = false;
  bool stopping = false;
};

WaitingLine::WaitingLine(Intake* intake)
    : intake_(intake), state_(std::make_shared<State>()), thread_([this] { Serve(); }) {}

WaitingLine::~WaitingLine() {
  {
    std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->changed.notify_all();
  thread_.join();
}

bool WaitingLine::empty() const {
  std::lock_guard lock(state_->mutex);
  return state_->line.empty();
}

void WaitingLine::Join(Attempt attempt) {
  std::lock_guard lock(state_->mutex);
  state_->line.push_back(std::move(attempt));
  state_->changed.notify_all();
}

void WaitingLine::Serve() {
  std::unique_lock lock(state_->mutex);
  bool full = true;  // who joins first has just found it so
  while (true) {
    state_->changed.wait(lock, [&] { return state_->stopping || !state_->line.empty(); });
    if (state_->stopping) return;
    if (full) {
      state_->space = false;
      // Once: while nothing is committed, nobody is called, and what was asked is kept.
      if (!std::exchange(state_->asked, true)) {
        lock.unlock();
        intake_->WhenSpace([state = state_] {
          std::lock_guard inner(state->mutex);
          state->asked = false;
          state->space = true;
          state->changed.notify_all();
        });
        lock.lock();
      }
      state_->changed.wait_for(lock, kRetry, [&] { return state_->stopping || state_->space; });
      if (state_->stopping) return;
    }
    // Only this thread takes from the line, and a deque keeps its elements where they are.
    const Attempt& first = state_->line.front();
    lock.unlock();
    full = !first();
    lock.lock();
    if (!full) state_->line.pop_front();
    if (state_->line.empty()) full = true;
  }
}

}  // namespace faultline
