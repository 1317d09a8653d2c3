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

// Chooses recorded (so redacted) events of the incident's time. For its strongest signals, at most
// kExamplesOfKindMax each of: the first events after the change began that show it (their value, or
// its absence, is clearly more frequent than in the reference; without such events, any), typical
// ones (nearest to the median since then), and extreme ones (farthest from the reference). Adds the
// prediction ids of the newest events. Sets examples_missing without examples. `recorder` may be
// null. Equal recordings give equal examples.
void AddExamples(const v1::Incident& incident, const StoredEvidence& evidence,
                 const Recorder* recorder, v1::EvidenceBundle* bundle);

}  // namespace faultline::review
