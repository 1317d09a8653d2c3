#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "daemon/core/incident/model_view.h"
#include "detectors/summary/summary.h"
#include "faultline/v1/incident.pb.h"

namespace faultline {

// Estimates of when an incident began, from its signals; see change_time.h. Pure.

// The estimate of the strongest signal, or of a weaker one if that certainly changed earlier.
// `signals`: strongest first. nullopt if there is no estimate, or none better than the incident
// has.
std::optional<v1::TimeEstimate> DateIncident(const v1::Incident& incident,
                                             std::span<const SignalView> signals);
// Whether a window reaches back before the earliest time of the change.
bool SeesBeforeChange(const ModelView& model, const v1::Incident& incident);
// Number of panes of the stream that ended since the incident began, while windows reach further
// back; otherwise 0.
size_t PanesSinceStart(const StreamView& stream, const v1::Incident& incident);
// The rows of the signal's window since the change, undiluted by earlier rows.
Summary RowsSinceChange(const SignalView& signal, const v1::Incident& incident);

}  // namespace faultline
