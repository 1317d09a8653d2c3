#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "daemon/pipeline.h"
#include "daemon/producer_marks.h"
#include "daemon/shard_thread.h"

namespace faultline {

// Rows by what the edges know of them; see RowTotals.
struct EdgeRows {
  uint64_t received = 0;
  uint64_t duplicate = 0;
  uint64_t shed = 0;
  std::array<uint64_t, v1::RejectReason_ARRAYSIZE> rejected{};
};

// A batch that had been applied before, waiting for the commit that covers the original.
struct DuplicateBatch {
  uint64_t ticket = 0;
  uint64_t rows = 0;
  Pipeline::BatchDone done;
};

// What lies before a cut, as far as the gate knows it.
struct CutLine {
  std::vector<StateWrite> marks;
  EdgeRows rows;
  std::vector<DuplicateBatch> duplicates;
  uint64_t bytes = 0;  // charged
};

// The one door into the shards: checks marks, bounds what is inside, and draws the line of a cut.
//
// Operation:    a batch is charged from Submit until the commit that holds it, so memory is bounded
//               whatever is slow: the core or the disk. A cut takes marks and edge rows and pushes
//               the cut to every shard under the same lock as admissions, so it separates the same
//               batches everywhere.
// Concurrency:  thread-safe.
class AdmissionGate {
 public:
  // `wake` is called, without the lock, when something came in.
  AdmissionGate(const Settings& settings, std::vector<std::unique_ptr<ShardThread>>* shards,
                std::function<void()> wake);

  // See Pipeline.
  absl::StatusOr<uint64_t> Greet(const std::string& producer_id, uint64_t epoch);
  Admission Submit(std::unique_ptr<EventBatch>* batch, const BatchName& name,
                   Pipeline::BatchDone done, uint64_t* expected);
  void WhenSpace(std::function<void()> callback);
  void CountRejected(v1::RejectReason reason, uint64_t rows);
  void CountShed(uint64_t rows);
  // False if it is closed; `done` is then not called.
  bool Run(const std::string& model, CommandAction action, Pipeline::CommandDone done);

  // Pushes a tick to every shard.
  void Tick(int64_t now_ns);
  // Draws a line. `collect` gets one ShardCut per shard, on the shards' threads.
  CutLine Cut(const std::function<void(ShardCut)>& collect);
  // The commit of a line is done: its bytes are free again, and waiters try again.
  void Committed(const CutLine& line);

  // Nothing comes in from now on.
  void Close();
  bool closed() const;
  EdgeRows rows() const;
  uint64_t bytes() const;
  uint64_t producers() const;

  ProducerMarks& marks() { return marks_; }  // before the start only
  void RestoreRows(const EdgeRows& rows) { rows_ = rows; }

 private:
  ShardThread& ShardFor(const std::string& model);

  std::vector<std::unique_ptr<ShardThread>>& shards_;
  const std::function<void()> wake_;
  mutable std::mutex mutex_;
  ProducerMarks marks_;
  EdgeRows rows_;
  std::vector<DuplicateBatch> duplicates_;
  std::vector<std::function<void()>> waiters_;
  uint64_t bytes_max_;
  uint64_t bytes_ = 0;       // charged and not committed
  uint64_t line_bytes_ = 0;  // the part of it since the last line
  uint64_t next_ticket_ = 1;
  bool closed_ = false;
};

}  // namespace faultline
