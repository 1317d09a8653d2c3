#pragma once

#include "detectors/contract/cause.h"
#include "faultline/v1/event.pb.h"
#include "faultline/v1/incident.pb.h"

namespace faultline {

// Failure mode of an alarm on a column, from the failure mode it has on an input and the role of
// the column.
v1::FailureMode FailureModeOf(FailureMode on_input, v1::ColumnRole role);

// The failure mode to name when an incident's alerts point to both: causes before consequences, in
// the order data quality, input drift, unusual input, prediction drift, operational, unknown.
v1::FailureMode LeadingFailureMode(v1::FailureMode a, v1::FailureMode b);

}  // namespace faultline
