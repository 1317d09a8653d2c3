#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/core/contract/effects.h"
#include "daemon/core/contract/event.h"
#include "daemon/core/stream/stream_parts.h"

namespace faultline {

// Who changes a reference, and why; shown in the list of references.
struct ReferenceNote {
  std::string actor;
  std::string comment;
};

// Puts references into use: learnt from rows, imported, promoted from quiet panes, rolled back.
// Fits transforms to the same rows.
//
// Concurrency:  none.
class ReferenceChanges {
 public:
  explicit ReferenceChanges(StreamParts* stream) : stream_(*stream) {}

  // Starts learning for waiting signals whose column is in the current batch, within the memory for
  // reference rows.
  void BeginLearning();
  // Puts the references of signals with enough learnt rows into use.
  void FinishLearning(int64_t now_ns, Effects* effects);
  // Adds the signals that only count rows, once others are judged: they need no learning. Not with
  // panes by rows, which always have the same number.
  void AddRowSignals();

  // Each changes nothing unless it returns OK.
  absl::Status Install(const std::vector<std::unique_ptr<EventBatch>>& rows,
                       const ReferenceNote& note, int64_t now_ns, v1::Reference* reference,
                       Effects* effects);
  absl::Status Promote(const ReferenceNote& note, int64_t now_ns, v1::Reference* reference);
  absl::Status Rollback(const ReferenceNote& note, int64_t now_ns, v1::Reference* reference);
  // Drops every signal's reference and learns again. `actor`: the name of the caller.
  void Relearn(std::string actor);

 private:
  void TakeLearnt(const std::vector<uint32_t>& done, int64_t now_ns, Effects* effects);
  void Fit(const CommonRows& rows, bool again, Effects* effects);
  bool AddDerived(const SignalFacts& facts, uint32_t* signal);
  void Take(uint32_t signal, std::shared_ptr<const SignalReference> reference);
  void Drop(uint32_t signal);
  void DropUnfitted();
  void StopLearning(uint32_t signal);
  // Drops the references that a rollback would bring back.
  void ForgetPrevious();
  uint64_t LearningBytesMax() const;

  StreamParts& stream_;
};

}  // namespace faultline
