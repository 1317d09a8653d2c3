#pragma once

#include <cstdint>
#include <string_view>

#include "daemon/core/contract/snapshot.h"
#include "daemon/core/settings/stream_kind.h"
#include "daemon/core/stream/learners.h"
#include "daemon/core/stream/panes.h"
#include "daemon/core/stream/reference_list.h"
#include "daemon/core/stream/references.h"
#include "daemon/core/stream/row_losses.h"
#include "daemon/core/stream/score_history.h"
#include "daemon/core/stream/shown_signals.h"
#include "daemon/core/stream/signals.h"
#include "daemon/core/stream/stream_host.h"
#include "daemon/core/transform/transforms.h"

namespace faultline {

// What a stream of panes is made of. Each part keeps its own state and records; what takes several
// of them is done by RowCounter (rows come in), PaneJudge (panes close) and ReferenceChanges
// (references come into use).
struct StreamParts {
  StreamParts(ModelShare* model, StreamHost* host, const StreamKind* kind, uint8_t ordinal);

  ModelShare& model;
  StreamHost& host;
  const StreamKind& kind;
  StreamId id;
  PaneSettings settings;
  Signals signals;
  Panes panes;
  References references;
  Learners learners;
  ReferenceList reference_list;
  Transforms transforms;
  ScoreHistory history;
  ShownSignals shown;
  RowLosses losses;
  ModelTotals totals;
  bool changed = true;  // since the last Cut

  // By the settings, or because it is derived from a signal that is.
  bool IsIgnored(std::string_view column) const;
  bool IsIgnored(uint32_t signal) const;
  // Gives the stream a schema that begins with the signals it has.
  void Extend(Schema schema);
  // Chooses the detectors that look at a signal again.
  void Refresh(uint32_t signal);
  // Something that is stored and shown changed.
  void Change() {
    changed = true;
    shown.Outdate();
  }
};

}  // namespace faultline
