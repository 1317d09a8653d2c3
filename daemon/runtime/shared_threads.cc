#include "daemon/runtime/shared_threads.h"

namespace faultline {

SharedThreads::SharedThreads(uint32_t threads) {
  for (uint32_t i = 0; i < threads; ++i) threads_.emplace_back([this] { Help(); });
}

SharedThreads::~SharedThreads() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void SharedThreads::Task::Work() {
  for (uint32_t i = next++; i < parts; i = next++) part(i);
}

void SharedThreads::Run(uint32_t parts, absl::FunctionRef<void(uint32_t part)> part) {
  Task task{.part = part, .parts = parts};
  const std::unique_lock busy(busy_, std::try_to_lock);
  if (!busy.owns_lock() || threads_.empty() || parts < 2) return task.Work();
  {
    std::lock_guard lock(mutex_);
    task_ = &task;
    ++tasks_;
  }
  wake_.notify_all();
  task.Work();
  std::unique_lock lock(mutex_);
  task_ = nullptr;  // A thread that wakes only now is too late.
  done_.wait(lock, [this] { return helping_ == 0; });
}

void SharedThreads::Help() {
  uint64_t seen = 0;
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [&] { return stopping_ || (task_ != nullptr && tasks_ != seen); });
    if (stopping_) return;
    seen = tasks_;
    Task* const task = task_;
    ++helping_;
    lock.unlock();
    task->Work();
    lock.lock();
    if (--helping_ == 0) done_.notify_one();
  }
}

}  // namespace faultline
