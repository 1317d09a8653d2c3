#pragma once

#include <absl/status/status.h>

#include <cstdint>

#include "daemon/core/contract/effects.h"
#include "daemon/core/contract/event.h"
#include "daemon/core/stream/stream_parts.h"
#include "faultline/v1/model.pb.h"

namespace faultline {

// Refuses a batch as a whole.
void RefuseBatch(const EventBatch& batch, v1::RejectReason reason, std::string error,
                 BatchResult* result);

// Counts the rows of a stream into open panes and into the rows that signals learn from.
//
// Concurrency:  none; large batches are counted column by column with the shard's helper threads.
class RowCounter {
 public:
  explicit RowCounter(StreamParts* stream) : stream_(*stream) {}

  // Extends the schema by the columns of a batch. If that is impossible, refuses the batch and
  // changes nothing.
  bool TakeColumns(const EventBatch& batch, BatchResult* result);
  // Adds declared signals; skips known ones of the same type.
  absl::Status DeclareSignals(const v1::Model& model);
  // Counts the rows of a batch whose columns were taken.
  void Count(const EventBatch& batch, BatchResult* result, Effects* effects);

 private:
  bool CheckColumn(const EventBatch& batch, const Column& column, uint64_t* added,
                   BatchResult* result) const;
  uint32_t EndOfRun(const EventBatch& batch, uint32_t begin, int64_t index) const;
  void CountRun(const EventBatch& batch, RowRange run, int64_t index, Effects* effects);
  void CountSignal(uint32_t signal, RowRange run, OpenPane* pane, bool helped);
  void CountParts(RowRange run);
  void LearnSignal(uint32_t signal, RowRange run);

  StreamParts& stream_;
};

}  // namespace faultline
