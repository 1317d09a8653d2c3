#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "daemon/core/contract/snapshot.h"
#include "daemon/core/settings/settings.h"
#include "daemon/core/signal/alarm_budget.h"
#include "daemon/core/signal/schema.h"
#include "daemon/core/signal/signal_state.h"
#include "daemon/core/stream/open_pane.h"
#include "daemon/core/stream/panes.h"
#include "daemon/core/stream/references.h"
#include "daemon/core/stream/row_losses.h"

namespace faultline {

// Read-only views of a model for its incidents, made for one call.

// One stream of panes, with its own numbering of panes and signals.
struct StreamView {
  uint32_t ordinal = 0;           // its place among the model's streams; 0 is inference rows
  std::string_view subject = {};  // of the incidents of its signals; empty for inference rows
  const Schema& schema;
  std::span<const SignalState> signals;  // in the order of the schema
  const References& references;
  const RowLosses& row_losses;
  const PaneSpans& spans;   // of the panes that windows hold
  int64_t window_from = 0;  // number of the oldest pane that windows may hold
};

struct ModelView {
  const ModelSettings& settings;
  std::span<const StreamView> streams;  // at their ordinals
  int64_t deployed_ns = 0;              // newest deploy marker; 0: none
  uint32_t resolved_max = 0;            // resolved incidents to keep
};

// A pane that has just been closed and judged.
struct JudgedPane {
  const StreamView& stream;
  int64_t number = 0;  // in its stream
  const OpenPane& pane;
  const PaneIncrement& increment;
  std::span<const SignalReading> readings;  // by signal of its stream
};

// A signal of any stream.
struct SignalView {
  const StreamView& stream;
  uint32_t signal = 0;

  const SignalFacts& facts() const { return stream.schema[signal]; }
  const SignalState& state() const { return stream.signals[signal]; }
  // Null if it has no quiet pane yet.
  const RollingReference* rolling() const { return stream.references.Rolling(signal); }
  // Whether it is judged against a reference with values.
  bool compared() const { return state().judged() && !state().reference->empty(); }
  // Its summary in the pane. Null if it did not count, or the pane is of another stream.
  const Summary* In(const JudgedPane* pane) const {
    const bool counted = pane != nullptr && pane->stream.ordinal == stream.ordinal;
    return counted ? pane->pane.Find(signal) : nullptr;
  }
};

// The signal of that name, in the first stream that has it.
inline std::optional<SignalView> FindSignal(const ModelView& model, std::string_view name) {
  for (const StreamView& stream : model.streams) {
    const std::optional<uint32_t> signal = stream.schema.Find(name);
    if (signal.has_value()) return SignalView{stream, *signal};
  }
  return std::nullopt;
}

}  // namespace faultline
