#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string>

#include "daemon/core/settings/settings.h"
#include "daemon/edge/review/stored_evidence.h"
#include "faultline/v1/incident.pb.h"
#include "faultline/v1/incident_service.pb.h"
#include "storage/segments/recorder.h"

namespace faultline::review {

// What to change. Without changes, verdicts are recomputed as they were.
struct WhatIf {
  // The model's settings instead of the pinned ones. Null: as they were.
  std::shared_ptr<const ModelSettings> settings;
  // The traffic between these event times as the reference. Both 0: the pinned one.
  int64_t reference_first_ns = 0;
  int64_t reference_last_ns = 0;

  bool other_reference() const { return reference_last_ns > 0; }
  bool nothing() const { return settings == nullptr && !other_reference(); }
};

// Recomputes the verdicts of an incident with the code that produced them, from the pinned
// reference, window and detector state and the panes since, and compares them with the stored ones
// bit for bit. With other settings, windows are the same as far as panes are kept; a follow
// detector keeps its state if its options are the same, else it starts anew with the first pane,
// and the answer says so. With another reference, the rows of `recorder` (may be null) are
// recounted; the answer says how many of the rows it had. Verdicts that cannot be recomputed count
// neither as alarms nor as quiet; if there are no others, the answer says that nothing could be
// computed. DATA_LOSS if the evidence is damaged; FAILED_PRECONDITION if there is nothing to
// replay.
absl::StatusOr<v1::ReplayIncidentResponse> ReplayIncident(const v1::Incident& incident,
                                                          const StoredEvidence& evidence,
                                                          const WhatIf& what_if,
                                                          const Recorder* recorder);

// The pinned settings, to be changed for a what-if. INTERNAL if they cannot be read, as those of a
// newer daemon.
absl::StatusOr<v1::Config> PinnedConfig(const StoredEvidence& evidence);
// The settings of a configuration's defaults. INVALID_ARGUMENT naming the field.
absl::StatusOr<std::shared_ptr<const ModelSettings>> SettingsOf(const v1::Config& config);

}  // namespace faultline::review
