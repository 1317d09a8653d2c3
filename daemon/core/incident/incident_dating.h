#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "daemon/core/incident/model_view.h"
#include "detectors/summary/summary.h"
#include "faultline/v1/incident.pb.h"

namespace faultline {

// When an incident began, from its signals: see change_time.h. Pure.

// The strongest signal says when; a weaker one only if it certainly changed before that. Signals
// strongest first. nullopt if they tell nothing, or less than the incident knows.
std::optional<v1::TimeEstimate> DateIncident(const v1::Incident& incident,
                                             std::span<const SignalView> signals);
// Whether a window reaches back to before what is known of the change.
bool SeesBeforeChange(const ModelView& model, const v1::Incident& incident);
// Panes of the stream that ended since the incident began, while its windows reach further back;
// otherwise 0.
size_t PanesSinceStart(const StreamView& stream, const v1::Incident& incident);
// What the signal's window holds since the change: rows before it would dilute it.
Summary RowsSinceChange(const SignalView& signal, const v1::Incident& incident);

}  // namespace faultline
