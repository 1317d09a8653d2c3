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

// The parts of a stream of panes. Each keeps its own state and records; work across parts is done
// by RowCounter (counts rows), PaneJudge (closes panes) and ReferenceChanges (puts references into
// use).
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
  RowLosses row_losses;
  ModelTotals totals;
  bool changed = true;  // since the last checkpoint

  // Ignored by the settings, or derived from an ignored signal.
  bool IsIgnored(std::string_view column) const;
  bool IsIgnored(uint32_t signal) const;
  // Gives the stream a schema that begins with the signals it has.
  void Extend(Schema schema);
  // Chooses the detectors that look at a signal again.
  void Refresh(uint32_t signal);
  // Stored and shown state has changed.
  void Change() {
    changed = true;
    shown.Outdate();
  }
};

}  // namespace faultline
