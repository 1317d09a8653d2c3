#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/runtime/incident_records.h"
#include "storage/store.h"

namespace faultline::review {

// Reads incidents from the store.
//
// Concurrency:  thread-safe.

struct FoundIncident {
  uint64_t id = 0;
  v1::Incident incident;
};

// By its id or a unique prefix of at least 4 characters. INVALID_ARGUMENT if the text is not a
// prefix of an id or fits more than one incident, NOT_FOUND if no incident has it.
absl::StatusOr<FoundIncident> FindIncident(const Store& store, std::string_view id);

// Which incidents to list. Empty fields select all.
struct IncidentFilter {
  std::string model;
  std::optional<std::string> version;
  std::vector<v1::IncidentState> states;
  v1::Severity severity_min = v1::SEVERITY_UNSPECIFIED;
  std::vector<v1::FailureMode> failure_modes;
  std::string signal;            // that one of its alerts is on
  int64_t opened_from_ns = 0;    // wall clock
  int64_t opened_before_ns = 0;  // 0: no end
};

struct IncidentPage {
  std::vector<v1::Incident> incidents;  // newest first, without timeline, evidence and triage
  uint64_t last_id = 0;                 // the last one read
  bool complete = true;                 // no incident follows last_id
};

// Incidents with ids below `below`, or all for 0. A page may be short, even empty: it also ends
// after kIncidentsLookedAtMax incidents or kPageBytesMax bytes.
inline constexpr uint32_t kIncidentsLookedAtMax = 4'000;
inline constexpr size_t kPageBytesMax = 2 << 20;
absl::StatusOr<IncidentPage> ListIncidents(const Store& store, const IncidentFilter& filter,
                                           uint64_t below, uint32_t count);

// The sequence of the newest change; 0 if there has been none.
absl::StatusOr<uint64_t> LastChange(const Store& store);

// Calls `visit` for at most `count` changes after `after`, in order, until it returns false.
// OUT_OF_RANGE if the change after `after` is no longer stored, or `after` is larger than the
// newest sequence of this store.
absl::Status ReadChanges(const Store& store, uint64_t after, uint32_t count,
                         const std::function<bool(IncidentChangeRecord record)>& visit);

}  // namespace faultline::review
