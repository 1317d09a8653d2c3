#pragma once

#include <signal.h>

#include <atomic>
#include <functional>
#include <thread>

namespace faultline::cli {

// While it lives, Ctrl-C and SIGTERM call `interrupted` once, from a thread of its own, instead of
// ending the program. Make it before any other thread, so that they inherit its signal mask.
class Interrupt {
 public:
  explicit Interrupt(std::function<void()> interrupted);
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  bool happened() const { return happened_; }

 private:
  void Wait();

  const std::function<void()> interrupted_;
  sigset_t signals_;
  sigset_t before_;
  std::atomic<bool> happened_ = false;
  std::atomic<bool> ending_ = false;
  std::thread thread_;
};

}  // namespace faultline::cli
