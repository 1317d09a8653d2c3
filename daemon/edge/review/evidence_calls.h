#pragma once

#include <absl/status/status.h>

#include "faultline/v1/incident.pb.h"
#include "faultline/v1/incident_service.pb.h"
#include "storage/segments/recorder.h"
#include "storage/store.h"

namespace faultline::review {

// The read-only calls of IncidentService; incident_service.proto is their contract.
// `recorder` may be null.
//
// Concurrency:  thread-safe.
absl::Status ListIncidentEvents(const Store& store, const v1::ListIncidentEventsRequest& request,
                                v1::ListIncidentEventsResponse* response);
absl::Status GetEvidence(const Store& store, const Recorder* recorder,
                         const v1::GetEvidenceRequest& request, v1::GetEvidenceResponse* response);
absl::Status CompareDistributions(const Store& store,
                                  const v1::CompareDistributionsRequest& request,
                                  v1::CompareDistributionsResponse* response);
absl::Status ExportIncident(const Store& store, const Recorder* recorder,
                            const v1::ExportIncidentRequest& request,
                            v1::ExportIncidentResponse* response);
absl::Status ReplayIncident(const Store& store, const Recorder* recorder,
                            const v1::ReplayIncidentRequest& request,
                            v1::ReplayIncidentResponse* response);
absl::Status QueryScores(const Store& store, const v1::QueryScoresRequest& request,
                         v1::QueryScoresResponse* response);

}  // namespace faultline::review
