#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "daemon/core/contract/event.h"
#include "daemon/core/contract/principal.h"
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
  Principal by = {};     // who gave the input that changed it
};

// For the log and, in time, an audit log: a change of what people own, such as a model, its
// reference or its silence.
struct Note {
  std::string text;
  Principal by;
};

// A row's fate, for the recorder. The batch knows who sent it.
struct RecordedBatch {
  std::shared_ptr<const EventBatch> batch;
  std::shared_ptr<const ModelSettings> settings;
};

// Everything the core may ask for, and nothing else. Collected by one shard between two cuts.
struct Effects {
  // Who gave the input at hand: the shard sets it before it folds one in, and whatever that input
  // appends says so.
  Principal by;
  // State as of the cut, which many inputs made together: who changed it stands in notes and
  // incident changes.
  std::vector<StateWrite> writes;
  std::vector<IncidentChange> incidents;
  // Models that changed; a null snapshot means it is gone.
  struct Publication {
    std::string name, version;
    std::shared_ptr<const ModelSnapshot> snapshot;
  };
  std::vector<Publication> publications;
  std::vector<RecordedBatch> recorded;
  // State changes worth a line, not one per event.
  std::vector<Note> notes;

  void AddNote(std::string text) { notes.push_back({std::move(text), by}); }
};

}  // namespace faultline
