#include "daemon/edge/ingest/retry_queue.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

namespace faultline {
namespace {

// Space freed between an attempt and the call to WhenSpace is not announced.
constexpr std::chrono::milliseconds kRetry{100};
constexpr size_t kPlacesTried = 4;

}  // namespace

struct RetryQueue::State {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Attempt> attempts;
  bool asked = false;  // WhenSpace will call back
  bool space = false;
  bool stopping = false;
};

RetryQueue::RetryQueue(Intake* intake)
    : intake_(intake), state_(std::make_shared<State>()), thread_([this] { Serve(); }) {}

RetryQueue::~RetryQueue() {
  {
    std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->changed.notify_all();
  thread_.join();
}

bool RetryQueue::empty() const {
  std::lock_guard lock(state_->mutex);
  return state_->attempts.empty();
}

void RetryQueue::Join(Attempt attempt) {
  std::lock_guard lock(state_->mutex);
  state_->attempts.push_back(std::move(attempt));
  state_->changed.notify_all();
}

void RetryQueue::Serve() {
  std::unique_lock lock(state_->mutex);
  bool full = true;  // the first attempt has just found it full
  while (true) {
    state_->changed.wait(lock, [&] { return state_->stopping || !state_->attempts.empty(); });
    if (state_->stopping) return;
    if (full) {
      state_->space = false;
      // Once: while nothing is committed, there is no callback, and the request is kept.
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
    full = true;
    for (size_t place = 0; place < std::min(kPlacesTried, state_->attempts.size());) {
      // Only this thread takes from the queue, and a deque keeps its elements where they are.
      const Attempt& next = state_->attempts[place];
      lock.unlock();
      const bool done = next();
      lock.lock();
      if (state_->stopping) return;
      if (done) {
        state_->attempts.erase(state_->attempts.begin() + static_cast<ptrdiff_t>(place));
        full = false;
      } else {
        ++place;
      }
    }
  }
}

}  // namespace faultline
