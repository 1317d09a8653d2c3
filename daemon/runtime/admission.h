#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "daemon/runtime/pipeline.h"
#include "daemon/runtime/producer_marks.h"
#include "daemon/runtime/shard_thread.h"

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
  uint64_t bytes = 0;                    // charged
  uint64_t commands = 0;                 // counted
  std::map<std::string, uint64_t> held;  // bytes by who holds them
};

// The one door into the shards: checks marks, bounds what is inside, and draws the line of a cut.
//
// Operation:    a batch, also one that is there already, is charged from Submit until the commit
//               that holds it, and commands are counted likewise, so memory is bounded whatever is
//               slow: the core or the disk. A cut takes marks and edge rows and pushes
//               the cut to every shard under the same lock as admissions, so it separates the same
//               batches everywhere.
// Fairness:     a model, and a producer, may hold eight times what is free, so one alone leaves a
//               ninth, and who holds little finds room whoever floods (dynamic thresholds:
//               Choudhury and Hahne, IEEE/ACM Transactions on Networking 6, 1998).
// Memory:       with a ceiling, the queue takes no more than what is left under it. A batch that
//               finds nothing else inside always gets in, so it never stops altogether.
// Concurrency:  thread-safe.
class AdmissionGate {
 public:
  // What a batch is charged at least: it takes that much on its way, even if it is empty.
  static constexpr uint64_t kBatchBytesMin = 1'024;
  // Commands that have not been committed.
  static constexpr uint64_t kCommandsMax = 256;

  // `wake` is called, without the lock, when something came in.
  AdmissionGate(const Settings& settings, std::vector<std::unique_ptr<ShardThread>>* shards,
                Clock clock, std::function<uint64_t()> resident_bytes, std::function<void()> wake);

  // See Pipeline.
  absl::StatusOr<uint64_t> Greet(const std::string& producer_id, uint64_t epoch);
  Admission Submit(std::unique_ptr<EventBatch>* batch, const BatchName& name,
                   Pipeline::BatchDone done, uint64_t* expected);
  void WhenSpace(std::function<void()> callback);
  void CountRejected(v1::RejectReason reason, uint64_t rows);
  void CountShed(uint64_t rows);
  // UNAVAILABLE if it is closed, RESOURCE_EXHAUSTED if there are too many; `done` is then not
  // called. Settings always get in.
  absl::Status Run(const std::string& model, const Principal& by, CommandAction action,
                   Pipeline::CommandDone done);

  // What the core made of a batch stays in memory until a commit as well; it may be more than the
  // batch was.
  void Charge(uint64_t bytes);
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
  // What may be inside at all, as things are.
  uint64_t BytesMax(int64_t now_ns);
  bool HasRoom(uint64_t bytes, uint64_t bytes_max, const std::vector<std::string>& holders) const;

  std::vector<std::unique_ptr<ShardThread>>& shards_;
  const Clock clock_;
  const std::function<uint64_t()> resident_bytes_;
  const std::function<void()> wake_;
  mutable std::mutex mutex_;
  ProducerMarks marks_;
  EdgeRows rows_;
  std::vector<DuplicateBatch> duplicates_;
  std::vector<std::function<void()>> waiters_;
  uint64_t bytes_max_;
  uint64_t memory_max_;  // 0: no ceiling
  uint64_t others_ = 0;  // resident beside the queue, when it was last looked at
  int64_t next_look_ns_ = 0;
  std::map<std::string, uint64_t> held_;       // bytes by model and by producer
  std::map<std::string, uint64_t> line_held_;  // the part of it since the last line
  uint64_t bytes_ = 0;                         // charged and not committed
  uint64_t line_bytes_ = 0;                    // the part of it since the last line
  uint64_t commands_ = 0;                      // not committed
  uint64_t line_commands_ = 0;                 // the part of them since the last line
  uint64_t next_ticket_ = 1;
  bool closed_ = false;
};

}  // namespace faultline
