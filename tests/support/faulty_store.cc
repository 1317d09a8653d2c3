#include "tests/support/faulty_store.h"

#include <utility>

namespace faultline {

void FaultyStore::FailCommit(uint64_t k, absl::Status status, bool applied) {
  const std::lock_guard lock(mutex_);
  commits_to_failure_ = k;
  failure_ = std::move(status);
  applied_ = applied;
}

void FaultyStore::FailReopen(uint64_t times, absl::Status status) {
  const std::lock_guard lock(mutex_);
  reopen_failures_ = times;
  reopen_failure_ = std::move(status);
}

void FaultyStore::BeforeCommit(std::function<void(const std::vector<StateWrite>&)> hook) {
  const std::lock_guard lock(mutex_);
  hook_ = std::move(hook);
}

absl::Status FaultyStore::Commit(const std::vector<StateWrite>& writes, bool sync) {
  std::function<void(const std::vector<StateWrite>&)> hook;
  {
    const std::lock_guard lock(mutex_);
    hook = hook_;
  }
  if (hook) hook(writes);
  const std::lock_guard lock(mutex_);
  if (failed_) return absl::FailedPreconditionError("takes nothing until it is reopened");
  if (commits_to_failure_ > 0 && --commits_to_failure_ == 0) {
    failed_ = true;
    if (applied_) inner_->Commit(writes, sync).IgnoreError();
    return failure_;
  }
  absl::Status status = inner_->Commit(writes, sync);
  if (status.ok()) {
    ++commits_;
  } else {
    failed_ = true;
  }
  return status;
}

absl::Status FaultyStore::Reopen() {
  const std::lock_guard lock(mutex_);
  if (reopen_failures_ > 0) {
    --reopen_failures_;
    failed_ = true;
    return reopen_failure_;
  }
  absl::Status status = inner_->Reopen();
  failed_ = !status.ok();
  if (status.ok()) ++reopens_;
  return status;
}

}  // namespace faultline
