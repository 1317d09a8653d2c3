#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/core/contract/effects.h"
#include "faultline/v1/incident.pb.h"
#include "storage/store.h"

namespace faultline {

// Stored forms of incidents: the current one under IncidentKey(id), its summary for lists under
// IncidentLineKey(id), and every change, in order, under IncidentChangeKey(sequence). The committer
// writes all three in the batch of the change; the review services read them. See
// docs/formats/incidents.md.
//
// Change sequences count up from 1 without gaps, across restarts. The committer drops the oldest
// ones; a watcher that resumes from before them lists the incidents again.

// Equal messages give equal bytes.
std::string SealIncident(const v1::Incident& incident);
// Without timeline, evidence and triage, so that listing thousands is fast.
std::string SealIncidentLine(const v1::Incident& incident);

// The writes that update the current incident and its summary.
std::vector<StateWrite> IncidentWrites(const IncidentChange& change);

// The incident after a change, without its evidence, which only the current incident has.
std::string SealIncidentChange(uint64_t sequence, const IncidentChange& change);

// DATA_LOSS if the bytes are damaged, FAILED_PRECONDITION if a newer version wrote them.
absl::StatusOr<v1::Incident> OpenIncident(std::string_view sealed);

struct IncidentChangeRecord {
  uint64_t sequence = 0;
  IncidentChange change;
};
absl::StatusOr<IncidentChangeRecord> OpenIncidentChange(std::string_view sealed);

absl::StatusOr<v1::Incident> OpenIncidentLine(std::string_view sealed);

// The fields of a stored summary that lists filter by, read without parsing the rest.
struct IncidentHead {
  std::string model;
  std::string version;
  v1::IncidentState state = v1::INCIDENT_STATE_UNSPECIFIED;
  v1::Severity severity = v1::SEVERITY_UNSPECIFIED;
  v1::FailureMode failure_mode = v1::FAILURE_MODE_UNSPECIFIED;
};
absl::StatusOr<IncidentHead> OpenIncidentHead(std::string_view sealed);

}  // namespace faultline
