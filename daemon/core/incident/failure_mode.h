#pragma once

#include "detectors/catalog.h"
#include "faultline/v1/event.pb.h"
#include "faultline/v1/incident.pb.h"

namespace faultline {

// What kind of failure an alarm points to: from what the detector looks for and what the signal
// means to the model.
v1::FailureMode FailureModeOf(Concern concern, v1::ColumnRole role);

// The one to name when an incident's alerts point to both: the cause before what follows from it.
// Data quality, input drift, unusual input, prediction drift, operational, not known.
v1::FailureMode LeadingFailureMode(v1::FailureMode a, v1::FailureMode b);

}  // namespace faultline
