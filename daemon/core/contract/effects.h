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

// For the log, and later an audit log: a change of something that people own, such as a model, its
// reference or its silence.
struct Note {
  std::string text;
  Principal by;
};

// A batch for the recorder, with the settings that apply to it.
struct RecordedBatch {
  std::shared_ptr<const EventBatch> batch;
  std::shared_ptr<const ModelSettings> settings;
};

// Everything that the core may ask for. Collected by one shard between two checkpoints.
struct Effects {
  // Who gave the current input. The shard sets it before it applies an input; what the input
  // appends carries it.
  Principal by;
  // State as of the checkpoint, the result of many inputs; notes and incident changes say who
  // changed it.
  std::vector<StateWrite> writes;
  std::vector<IncidentChange> incidents;
  // Models that changed; a null snapshot means it is gone.
  struct Publication {
    std::string name, version;
    std::shared_ptr<const ModelSnapshot> snapshot;
  };
  std::vector<Publication> publications;
  std::vector<RecordedBatch> recorded;
  // State changes worth a log line; not one per event.
  std::vector<Note> notes;

  void AddNote(std::string text) { notes.push_back({std::move(text), by}); }
};

}  // namespace faultline
