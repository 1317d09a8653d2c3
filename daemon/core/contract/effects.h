#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "daemon/core/contract/event.h"
#include "daemon/core/contract/snapshot.h"
#include "daemon/core/settings/settings.h"
#include "faultline/v1/incident.pb.h"
#include "storage/tables/state_write.h"

namespace faultline {

// An incident after a change: goes to the store, then to watchers.
struct IncidentChange {
  uint64_t id = 0;
  v1::Incident incident;
  std::string change;    // in words
  bool removed = false;  // by retention or DeleteModel
};

// A row's fate, for the recorder.
struct RecordedBatch {
  std::shared_ptr<const EventBatch> batch;
  std::shared_ptr<const ModelSettings> settings;
};

// Everything the core may ask for, and nothing else. Collected by one shard between two cuts.
struct Effects {
  std::vector<StateWrite> writes;
  std::vector<IncidentChange> incidents;
  // Models that changed; a null snapshot means it is gone.
  struct Publication {
    std::string name, version;
    std::shared_ptr<const ModelSnapshot> snapshot;
  };
  std::vector<Publication> publications;
  std::vector<RecordedBatch> recorded;
  // Log lines for people: state changes worth one, not per event.
  std::vector<std::string> notes;
};

}  // namespace faultline
