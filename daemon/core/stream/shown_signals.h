#pragma once

#include <cstdint>
#include <memory>
#include <set>

#include "daemon/core/contract/snapshot.h"

namespace faultline {

struct StreamParts;

// The published view of a stream's signals: renewed when a pane closes, or when signals, references
// or alerts change.
//
// Concurrency:  none. A published view never changes.
class ShownSignals {
 public:
  // Something other than a signal's verdicts changed.
  void Outdate() { outdated_ = true; }
  // The shown verdicts of a signal are out of date.
  void Review(uint32_t signal) {
    review_.insert(signal);
    outdated_ = true;
  }

  // Shows the readings of a judged pane.
  void Show(const StreamParts& stream, std::shared_ptr<ModelSignals> judged);
  // The view, renewed if it is out of date. Never null.
  std::shared_ptr<const ModelSignals> Read(const StreamParts& stream);
  // The last view; null before the first.
  const ModelSignals* last() const { return shown_.get(); }
  size_t memory_bytes() const;

 private:
  std::shared_ptr<const ModelSignals> shown_;
  std::set<uint32_t> review_;
  bool outdated_ = true;
};

// Why a signal has no reference yet; empty if it has one.
std::string WhyWaiting(const StreamParts& stream, uint32_t signal);

}  // namespace faultline
