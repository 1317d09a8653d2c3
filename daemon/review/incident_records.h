#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "faultline/v1/incident.pb.h"

namespace faultline {

// What the store holds of incidents: the current one under IncidentKey(id), and every change, in
// order, under IncidentChangeKey(sequence). The committer writes both in the batch of the change;
// the review services read them. See docs/formats/incidents.md.
//
// Sequences of changes count up by one without gaps, over restarts too. The committer drops the
// oldest changes beyond kIncidentChangesKept; whoever watches from before them lists again.

inline constexpr uint64_t kIncidentChangesKept = 4'096;

// One entry of the change log: an incident after a change, without its evidence, which only the
// current incident has.
struct IncidentChangeRecord {
  v1::Incident incident;
  std::string change;  // in words
};

// Equal messages give equal bytes.
std::string SealIncident(const v1::Incident& incident);
std::string SealChange(const v1::Incident& incident, std::string_view change);

// DATA_LOSS if the bytes are damaged, FAILED_PRECONDITION if a newer version wrote them.
absl::StatusOr<v1::Incident> OpenIncident(std::string_view sealed);
absl::StatusOr<IncidentChangeRecord> OpenChange(std::string_view sealed);

}  // namespace faultline
