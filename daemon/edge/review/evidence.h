#pragma once

#include <absl/status/statusor.h>

#include "daemon/edge/review/stored_evidence.h"
#include "faultline/v1/evidence.pb.h"
#include "faultline/v1/incident.pb.h"

namespace faultline::review {

inline constexpr int kSeriesPointsMax = 256;

// An incident's stored evidence for people: distributions at opening, peak and last pane, verdicts
// over time. Examples and prediction ids are not filled in; see examples.h.
// DATA_LOSS if the evidence is damaged. Pure.
absl::StatusOr<v1::EvidenceBundle> MakeBundle(const v1::Incident& incident,
                                              const StoredEvidence& evidence);

// One verdict as a point.
v1::VerdictPoint MakePoint(const EvidencePane& pane, const Verdict& verdict);

// Halves the points of a series until they fit kSeriesPointsMax. Keeps the first, the last, changes
// of state and the highest score as far as they fit.
void ThinPoints(v1::VerdictSeries* series);

// What the alarm budget guarantees about an incident's alerts, in words.
std::string PromiseWords(const v1::Incident& incident);

}  // namespace faultline::review
