#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string_view>
#include <vector>

#include "base/codec.h"
#include "daemon/core/contract/effects.h"
#include "daemon/core/record/record_set.h"
#include "daemon/core/reference/learning.h"
#include "daemon/core/settings/limits.h"

namespace faultline {

// The signals of a stream that learn their reference, and the rows they have learnt so far.
//
// Concurrency:  none.
// Limitations:  the memory of rows is bounded over all streams of a shard, see Begin.
class Learners {
 public:
  // *shard_bytes: memory of all learning signals of the shard; must outlive it.
  Learners(StreamId stream, uint64_t* shard_bytes) : stream_(stream), shard_bytes_(shard_bytes) {}
  ~Learners();
  Learners(const Learners&) = delete;
  Learners& operator=(const Learners&) = delete;

  void Resize(uint32_t signals) { signals_.resize(signals); }
  // Signals that learn, ascending.
  const std::vector<uint32_t>& learning() const { return learning_; }
  bool Learns(uint32_t signal) const { return signals_[signal].rows != nullptr; }
  // The rows of a signal that learns.
  const LearningRows& RowsOf(uint32_t signal) const { return *signals_[signal].rows; }
  // Number of rows to learn from; fixed when learning began.
  uint32_t RowsWanted(uint32_t signal) const { return signals_[signal].wanted; }
  uint32_t RowsMissing(uint32_t signal) const {
    return signals_[signal].wanted - signals_[signal].rows->rows();
  }
  // True if the signal waits because the memory for reference rows is used up.
  bool MemoryRefused(uint32_t signal) const { return signals_[signal].memory_refused; }
  void ForgetRefusal(uint32_t signal) { signals_[signal].memory_refused = false; }

  // Starts learning from `rows` rows, or makes the signal wait if all learners of the shard would
  // then take more than bytes_max.
  void Begin(uint32_t signal, SignalType type, uint32_t rows, uint64_t bytes_max);
  // Adds rows by add(LearningRows*).
  template <typename Add>
  void AddRows(uint32_t signal, Add add) {
    LearningRows& rows = ChunkToWrite(signal);
    const uint64_t before = rows.dictionary_bytes();
    add(&rows);
    *shard_bytes_ += rows.dictionary_bytes() - before;
  }
  void Stop(uint32_t signal);
  // Stops signals whose categories took the memory of all learners above bytes_max; they wait. True
  // if any was stopped.
  bool StopBeyond(uint64_t bytes_max);

  void Encode(Encoder* out) const;
  // After Resize. False if the bytes are not what Encode wrote.
  [[nodiscard]] bool Decode(Decoder* in);
  void TakeCheckpoint(Effects* effects);
  void Erase(Effects* effects);
  absl::Status Restore(const Key& key, std::string_view payload);
  void FinishRestore();
  size_t memory_bytes() const;

 private:
  struct Learner {
    std::unique_ptr<LearningRows> rows;  // null: it does not learn
    uint32_t wanted = 0;
    bool memory_refused = false;
  };
  LearningRows& ChunkToWrite(uint32_t signal);
  uint64_t BytesOf(uint32_t signal) const;
  void Recount();
  std::string EncodeChunk(uint32_t block, uint32_t chunk) const;

  StreamId stream_;
  uint64_t* shard_bytes_;
  std::vector<Learner> signals_;
  std::vector<uint32_t> learning_;
  std::map<uint32_t, uint32_t> write_from_;  // block: first chunk to write
  std::map<uint32_t, uint32_t> stored_;      // block: chunks
};

}  // namespace faultline
