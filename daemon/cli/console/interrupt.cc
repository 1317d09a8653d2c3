#include "daemon/cli/console/interrupt.h"

#include <utility>

namespace faultline::cli {

Interrupt::Interrupt(std::function<void()> interrupted) : interrupted_(std::move(interrupted)) {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGINT);
  sigaddset(&signals_, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals_, &before_);
  thread_ = std::thread([this] { Wait(); });
}

Interrupt::~Interrupt() {
  ending_ = true;
  thread_.join();
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void Interrupt::Wait() {
  constexpr timespec kLook{.tv_sec = 0, .tv_nsec = 100'000'000};
  while (!ending_) {
    if (sigtimedwait(&signals_, nullptr, &kLook) < 0) continue;
    if (!happened_.exchange(true)) interrupted_();
  }
}

}  // namespace faultline::cli
