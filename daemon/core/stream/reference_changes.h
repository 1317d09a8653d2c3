#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/core/contract/effects.h"
#include "daemon/core/contract/event.h"
#include "daemon/core/stream/stream_parts.h"

namespace faultline {

// Who changes a reference, and why; as the list of references says it.
struct ReferenceNote {
  std::string actor;
  std::string comment;
};

// Takes references into use: learnt from rows, imported, promoted from quiet panes, taken back.
// Transforms are fitted to the same rows.
//
// Concurrency:  none.
class ReferenceChanges {
 public:
  explicit ReferenceChanges(StreamParts* stream) : stream_(*stream) {}

  // Signals that wait and whose column is in the batch at hand begin to learn, as far as the memory
  // for reference rows goes.
  void BeginLearning();
  // Signals that have learnt enough rows take their reference into use.
  void FinishLearning(int64_t now_ns, Effects* effects);
  // Signals that count rows and have no values, once others are judged: nothing is to be learnt.
  // Panes by rows always have as many.
  void AddRowSignals();

  // Each of these changes nothing unless OK.
  absl::Status Install(const std::vector<std::unique_ptr<EventBatch>>& rows,
                       const ReferenceNote& note, int64_t now_ns, v1::Reference* reference,
                       Effects* effects);
  absl::Status Promote(const ReferenceNote& note, int64_t now_ns, v1::Reference* reference);
  absl::Status Rollback(const ReferenceNote& note, int64_t now_ns, v1::Reference* reference);
  // Every signal drops its reference and learns anew. `actor`: the name of who asked.
  void Relearn(std::string actor);

 private:
  void TakeLearnt(const std::vector<uint32_t>& done, int64_t now_ns, Effects* effects);
  void Fit(const CommonRows& rows, bool again, Effects* effects);
  bool AddDerived(const SignalFacts& facts, uint32_t* signal);
  void Take(uint32_t signal, std::shared_ptr<const SignalReference> reference);
  void Drop(uint32_t signal);
  void DropUnfitted();
  void StopLearning(uint32_t signal);
  // The references in use are those that a rollback brings back, as far as they are replaced.
  void ForgetPrevious();
  uint64_t LearningBytesMax() const;

  StreamParts& stream_;
};

}  // namespace faultline
