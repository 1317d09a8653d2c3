#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "daemon/edge/ingest/intake.h"

namespace faultline {

// A pipeline in memory that does what the test says: it commits when told to (or at once), is full
// when told to, and remembers what it took.
class FakeIntake final : public Intake {
 public:
  struct Taken {
    std::unique_ptr<EventBatch> batch;
    BatchName name;
  };

  absl::StatusOr<uint64_t> Greet(const std::string& producer_id, uint64_t epoch) override {
    std::lock_guard lock(mutex_);
    Mark& mark = marks_[producer_id];
    if (epoch < mark.epoch) return absl::FailedPreconditionError("a larger epoch is here");
    if (epoch > mark.epoch) mark = {epoch, 0};
    return mark.sequence;
  }

  Admission Submit(std::unique_ptr<EventBatch>* batch, const BatchName& name,
                   Pipeline::BatchDone done, uint64_t* expected) override {
    const Admission admission = Admit(batch, name, std::move(done), expected);
    if (!holding()) Commit();
    return admission;
  }

  void WhenSpace(std::function<void()> callback) override {
    {
      std::lock_guard lock(mutex_);
      if (full_) {
        waiters_.push_back(std::move(callback));
        return;
      }
    }
    callback();
  }

  void CountRejected(v1::RejectReason reason, uint64_t rows) override {
    std::lock_guard lock(mutex_);
    rejected_[reason] += rows;
  }
  void CountShed(uint64_t rows) override {
    std::lock_guard lock(mutex_);
    shed_ += rows;
  }
  absl::Status ready() const override {
    std::lock_guard lock(mutex_);
    return ready_;
  }
  IntakeLimits limits() const override {
    std::lock_guard lock(mutex_);
    return limits_;
  }

  // Commits everything that was taken.
  void Commit() {
    std::deque<std::pair<Pipeline::BatchDone, BatchResult>> due;
    {
      std::lock_guard lock(mutex_);
      due.swap(due_);
    }
    for (auto& [done, result] : due) done(result);
  }
  void set_full(bool full) {
    std::vector<std::function<void()>> waiters;
    {
      std::lock_guard lock(mutex_);
      full_ = full;
      if (!full) waiters.swap(waiters_);
    }
    for (const auto& waiter : waiters) waiter();
  }
  void set_holding(bool holding) { Set(&holding_, holding); }
  void set_stopping(bool stopping) { Set(&stopping_, stopping); }
  void set_keep(bool keep) { Set(&keep_, keep); }
  void set_ready(absl::Status ready) { Set(&ready_, std::move(ready)); }
  void set_limits(IntakeLimits limits) { Set(&limits_, limits); }

  bool holding() const { return Get(holding_); }
  uint64_t rows() const { return Get(rows_); }
  uint64_t batches() const { return Get(batches_); }
  uint64_t attempts() const { return Get(attempts_); }
  bool full() const { return Get(full_); }
  uint64_t shed() const { return Get(shed_); }
  uint64_t waiters() const {
    std::lock_guard lock(mutex_);
    return waiters_.size();
  }
  uint64_t rejected(v1::RejectReason reason) const {
    std::lock_guard lock(mutex_);
    const auto at = rejected_.find(reason);
    return at == rejected_.end() ? 0 : at->second;
  }
  std::vector<Taken> Take() {
    std::lock_guard lock(mutex_);
    return std::exchange(taken_, {});
  }

 private:
  struct Mark {
    uint64_t epoch = 0;
    uint64_t sequence = 0;
  };

  Admission Admit(std::unique_ptr<EventBatch>* batch, const BatchName& name,
                  Pipeline::BatchDone done, uint64_t* expected) {
    std::lock_guard lock(mutex_);
    ++attempts_;
    *expected = name.sequence;
    if (stopping_) return Admission::kStopping;
    BatchResult result;
    if (!name.producer_id.empty()) {
      Mark& mark = marks_[name.producer_id];
      *expected = mark.sequence + 1;
      if (name.epoch < mark.epoch) return Admission::kFenced;
      if (name.epoch > mark.epoch) mark = {name.epoch, 0};
      if (name.sequence > mark.sequence + 1) return Admission::kOutOfOrder;
      if (name.sequence <= mark.sequence) {
        result.duplicate_rows = (*batch)->rows;
        due_.emplace_back(std::move(done), std::move(result));
        batch->reset();
        return Admission::kDuplicate;
      }
      if (full_) return Admission::kFull;
      mark.sequence = name.sequence;
    }
    if (full_) return Admission::kFull;
    *expected = name.sequence + 1;
    result.rejected_rows = (*batch)->refused_rows;
    result.applied_rows = (*batch)->rows - (*batch)->refused_rows;
    result.row_errors = (*batch)->row_errors;
    rows_ += (*batch)->rows;
    ++batches_;
    if (keep_) taken_.push_back({std::move(*batch), name});
    batch->reset();
    due_.emplace_back(std::move(done), std::move(result));
    return Admission::kAccepted;
  }
  template <typename T>
  void Set(T* field, T value) {
    std::lock_guard lock(mutex_);
    *field = std::move(value);
  }
  template <typename T>
  T Get(const T& field) const {
    std::lock_guard lock(mutex_);
    return field;
  }

  mutable std::mutex mutex_;
  std::map<std::string, Mark> marks_;
  std::deque<std::pair<Pipeline::BatchDone, BatchResult>> due_;
  std::vector<std::function<void()>> waiters_;
  std::vector<Taken> taken_;
  std::map<v1::RejectReason, uint64_t> rejected_;
  IntakeLimits limits_;
  absl::Status ready_;
  uint64_t rows_ = 0;
  uint64_t batches_ = 0;
  uint64_t attempts_ = 0;
  uint64_t shed_ = 0;
  bool full_ = false;
  bool holding_ = false;
  bool stopping_ = false;
  bool keep_ = true;
};

}  // namespace faultline
