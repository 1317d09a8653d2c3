#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include "tests/support/store_wrapper.h"

namespace faultline {

// A store whose commits fail on demand. Like the real one, it takes nothing more after a failure
// until a Reopen succeeds.
class FaultyStore final : public StoreWrapper {
 public:
  using StoreWrapper::StoreWrapper;

  // The k-th commit from now fails (1: the next) with `status`. If `applied`, its writes are there
  // all the same: the world may lose only the answer.
  void FailCommit(uint64_t k, absl::Status status, bool applied = false);
  // The next `times` calls of Reopen fail.
  void FailReopen(uint64_t times, absl::Status status);
  // Called before every commit, on the committer's thread; may block.
  void BeforeCommit(std::function<void(const std::vector<StateWrite>&)> hook);

  uint64_t commits() const { return commits_; }
  uint64_t reopens() const { return reopens_; }

  absl::Status Commit(const std::vector<StateWrite>& writes, bool sync) override;
  absl::Status Reopen() override;

 private:
  std::atomic<uint64_t> commits_{0};  // that succeeded
  std::atomic<uint64_t> reopens_{0};

  std::mutex mutex_;
  uint64_t commits_to_failure_ = 0;  // 0: none
  absl::Status failure_;
  bool applied_ = false;
  bool failed_ = false;
  uint64_t reopen_failures_ = 0;
  absl::Status reopen_failure_;
  std::function<void(const std::vector<StateWrite>&)> hook_;
};

}  // namespace faultline
