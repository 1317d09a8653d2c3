#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "daemon/core/incident/bundle.h"
#include "storage/store.h"

namespace faultline::review {

// The evidence of one incident as the store has it.
struct StoredEvidence {
  std::vector<EvidencePin> pins;
  std::vector<EvidencePane> panes;  // in the order in which they were closed
  uint32_t panes_left_out = 0;      // for want of room
  uint32_t signals_left_out = 0;
};

// Empty if the incident has none, or no longer. DATA_LOSS if it is damaged, with the key.
//
// Concurrency:  thread-safe.
absl::StatusOr<StoredEvidence> ReadEvidence(const Store& store, uint64_t id,
                                            const v1::Incident& incident);

// Goes through a pin's panes with its window: what the core saw, in order. `window` is as it was
// after the pane, `pane` the pane's own summary or null if the signal did not count in it. False
// from `visit` ends it. The window has the pin's reference and must not outlive it.
struct SeenPane {
  const EvidencePane* pane = nullptr;
  const EvidenceEntry* entry = nullptr;
  const Summary* summary = nullptr;
  const Summary* window = nullptr;
};
// DATA_LOSS if a summary is not of the pin's reference.
absl::Status ForEachPane(const StoredEvidence& evidence, size_t pin,
                         const std::function<bool(const SeenPane&)>& visit);

}  // namespace faultline::review
