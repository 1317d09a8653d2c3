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

// What the store holds of incidents: the current one under IncidentKey(id), what lists show of it
// under IncidentLineKey(id), and every change, in order, under IncidentChangeKey(sequence).
// The committer writes both in the batch of the change;
// the review services read them. See docs/formats/incidents.md.
//
// Sequences of changes count up by one from 1 without gaps, over restarts too. The committer drops
// the oldest ones; a watcher from before them lists again.

// Equal messages give equal bytes.
std::string SealIncident(const v1::Incident& incident);
// Without timeline, evidence and triage, so that a list reads thousands in no time.
std::string SealIncidentLine(const v1::Incident& incident);

// What the change does to the current incident and to its line.
std::vector<StateWrite> IncidentWrites(const IncidentChange& change);

// An incident after a change, without its evidence, which only the current incident has.
std::string SealIncidentChange(uint64_t sequence, const IncidentChange& change);

// DATA_LOSS if the bytes are damaged, FAILED_PRECONDITION if a newer version wrote them.
absl::StatusOr<v1::Incident> OpenIncident(std::string_view sealed);

struct IncidentChangeRecord {
  uint64_t sequence = 0;
  IncidentChange change;
};
absl::StatusOr<IncidentChangeRecord> OpenIncidentChange(std::string_view sealed);

absl::StatusOr<v1::Incident> OpenIncidentLine(std::string_view sealed);

// The fields of a stored line that lists select by, read without parsing the rest.
struct IncidentHead {
  std::string model;
  std::string version;
  v1::IncidentState state = v1::INCIDENT_STATE_UNSPECIFIED;
  v1::Severity severity = v1::SEVERITY_UNSPECIFIED;
  v1::FailureMode failure_mode = v1::FAILURE_MODE_UNSPECIFIED;
};
absl::StatusOr<IncidentHead> OpenIncidentHead(std::string_view sealed);

}  // namespace faultline
