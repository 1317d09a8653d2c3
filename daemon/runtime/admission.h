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
#include "daemon/core/settings/settings.h"
#include "daemon/runtime/batch_name.h"
#include "daemon/runtime/callbacks.h"
#include "daemon/runtime/producer_sequences.h"
#include "daemon/runtime/shard_thread.h"

namespace faultline {

// Rows as the network front counts them; see RowTotals.
struct FrontRows {
  uint64_t received = 0;
  uint64_t duplicate = 0;
  uint64_t shed = 0;
  std::array<uint64_t, v1::RejectReason_ARRAYSIZE> rejected{};
};

// A batch that had been applied before, waiting for the commit that covers the original.
struct DuplicateBatch {
  uint64_t ticket = 0;
  uint64_t rows = 0;
  BatchDone done;
};

// What was admitted and is not committed.
struct Admitted {
  uint64_t bytes = 0;
  uint64_t commands = 0;
  std::map<std::string, uint64_t> held;  // bytes by model and by producer

  void Add(uint64_t more, const std::vector<std::string>& holders);
  void Remove(const Admitted& committed);
};

// The gate's part of a checkpoint.
struct GateCheckpoint {
  std::vector<StateWrite> producers;
  FrontRows rows;
  std::vector<DuplicateBatch> duplicates;
  Admitted admitted;  // since the checkpoint before
};

// The only way into the shards: checks producer sequences, bounds what is admitted, and takes the
// checkpoint that a commit writes.
//
// Operation:    a batch, also a duplicate, is charged from Submit until the commit that holds it,
//               and commands are counted likewise, so memory is bounded whether the core or the
//               disk is slow. A checkpoint takes producer sequences and row counts, and is pushed
//               to every shard, under the same lock as admissions, so it separates the same batches
//               everywhere.
// Fairness:     a model, and a producer, may hold eight times what is free: one alone leaves a
//               ninth, and a small holder finds room while another floods (dynamic thresholds:
//               Choudhury and Hahne, IEEE/ACM Transactions on Networking 6, 1998).
// Memory:       with a ceiling, the queue takes no more than what is left under it. A batch is
//               always admitted to an empty queue, so input never stops altogether.
// Concurrency:  thread-safe.
class AdmissionGate {
 public:
  // Least charge of a batch: the memory of an empty one.
  static constexpr uint64_t kBatchBytesMin = 1'024;
  // Most commands that wait for their commit.
  static constexpr uint64_t kCommandsMax = 256;

  // `wake` is called, without the lock, after something was admitted.
  AdmissionGate(const Settings& settings, std::vector<std::unique_ptr<ShardThread>>* shards,
                Clock clock, std::function<uint64_t()> resident_bytes, std::function<void()> wake);

  // See Pipeline.
  absl::StatusOr<uint64_t> Greet(const std::string& producer_id, uint64_t epoch);
  Admission Submit(std::unique_ptr<EventBatch>* batch, const BatchName& name, BatchDone done,
                   uint64_t* expected);
  void WhenSpace(std::function<void()> callback);
  void CountRejected(v1::RejectReason reason, uint64_t rows);
  void CountShed(uint64_t rows);
  // UNAVAILABLE if the gate is closed, RESOURCE_EXHAUSTED if too many commands wait; `done` is then
  // not called. Settings are always admitted.
  absl::Status Run(const std::string& model, const Principal& by, CommandAction action,
                   CommandDone done);

  // Charges the effects of a batch, which also stay in memory until the commit and may be
  // larger than the batch.
  void Charge(uint64_t bytes);
  // Pushes a tick to every shard.
  void Tick(int64_t now_ns);
  // `collect` gets one ShardCheckpoint per shard, on the shards' threads.
  GateCheckpoint TakeCheckpoint(const std::function<void(ShardCheckpoint)>& collect);
  // The checkpoint is committed: its bytes are free again, and waiters retry.
  void Committed(const GateCheckpoint& checkpoint);

  // Admits nothing from now on.
  void Close();
  bool closed() const;
  FrontRows rows() const;
  uint64_t bytes() const;
  uint64_t producers() const;

  ProducerSequences& producer_sequences() { return sequences_; }  // before the start only
  void RestoreRows(const FrontRows& rows) { rows_ = rows; }

 private:
  ShardThread& ShardFor(const std::string& model);
  // Most bytes that may be admitted now.
  uint64_t BytesMax(int64_t now_ns);
  bool HasRoom(uint64_t bytes, uint64_t bytes_max, const std::vector<std::string>& holders) const;

  std::vector<std::unique_ptr<ShardThread>>& shards_;
  const Clock clock_;
  const std::function<uint64_t()> resident_bytes_;
  const std::function<void()> wake_;
  mutable std::mutex mutex_;
  ProducerSequences sequences_;
  FrontRows rows_;
  std::vector<DuplicateBatch> duplicates_;
  std::vector<std::function<void()>> waiters_;
  uint64_t bytes_max_;
  uint64_t memory_max_;  // 0: no ceiling
  uint64_t others_ = 0;  // resident beside the queue, when it was last measured
  int64_t next_measure_ns_ = 0;
  Admitted admitted_;          // not committed
  Admitted since_checkpoint_;  // the part of it since the last checkpoint
  uint64_t next_ticket_ = 1;
  bool closed_ = false;
};

}  // namespace faultline
