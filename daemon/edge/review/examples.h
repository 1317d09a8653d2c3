#pragma once

#include <absl/status/status.h>

#include "daemon/edge/review/stored_evidence.h"
#include "faultline/v1/evidence.pb.h"
#include "faultline/v1/incident.pb.h"
#include "storage/segments/recorder.h"

namespace faultline::review {

inline constexpr int kExamplesOfKindMax = 4;
inline constexpr int kExampleSignalsMax = 2;
inline constexpr int kExampleValuesMax = 32;
inline constexpr size_t kExampleValueBytesMax = 256;
inline constexpr int kPredictionIdsMax = 100;
// Rows looked at per incident, oldest first.
inline constexpr int kExampleRowsMax = 50'000;

// Chooses recorded events of the incident's time, as they were recorded, which is redacted: for its
// strongest signals the first ones after the change began that show it (whose values, or lack of
// them, are plainly more frequent than in the reference; for want of these, any), typical ones
// (nearest to the middle of what came since), and extreme ones (farthest from the reference), each
// at most kExamplesOfKindMax; and the prediction ids of the newest ones. Sets examples_missing if
// there are none. `recorder` may be null. Equal recordings give equal examples.
void AddExamples(const v1::Incident& incident, const StoredEvidence& evidence,
                 const Recorder* recorder, v1::EvidenceBundle* bundle);

}  // namespace faultline::review
