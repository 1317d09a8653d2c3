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

// Reads the evidence of one incident from the store.
struct StoredEvidence {
  std::vector<EvidencePin> pins;
  std::vector<EvidencePane> panes;  // in the order in which they were closed
  uint32_t panes_left_out = 0;      // because the incident's evidence was full
  uint32_t signals_left_out = 0;
};

// Empty if the incident has no evidence, or no longer. DATA_LOSS with the key if it is damaged.
//
// Concurrency:  thread-safe.
absl::StatusOr<StoredEvidence> ReadEvidence(const Store& store, uint64_t id,
                                            const v1::Incident& incident);

// Visits a pin's panes in order, with the window as the core saw it after each. `pane`: the pane's
// own summary, null if the signal did not count in it. Ends when `visit` returns false. The window
// refers to the pin's reference and must not outlive it.
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
