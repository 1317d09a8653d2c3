#pragma once

#include "detectors/contract/cause.h"
#include "faultline/v1/event.pb.h"
#include "faultline/v1/incident.pb.h"

namespace faultline {

// What kind of failure an alarm on a column points to: what it points to on an input, and what the
// column means to the model.
v1::FailureMode FailureModeOf(FailureMode on_input, v1::ColumnRole role);

// The one to name when an incident's alerts point to both: the cause before what follows from it.
// Data quality, input drift, unusual input, prediction drift, operational, not known.
v1::FailureMode LeadingFailureMode(v1::FailureMode a, v1::FailureMode b);

}  // namespace faultline
