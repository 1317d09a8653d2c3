#pragma once

#include <string>

#include "daemon/core/contract/snapshot.h"
#include "faultline/v1/incident.pb.h"
#include "faultline/v1/model.pb.h"

namespace faultline::review {

// The answers of the model services from a model's snapshot.
//
// Concurrency:  pure.

// `now_ns`: the wall clock, to tell whether a silence is still in force.
v1::Model ToModel(const ModelSnapshot& snapshot, bool with_signals, int64_t now_ns);

v1::SignalStatus ToSignalStatus(const SignalReading& signal);

// Its alarm budget; unset if it has no budget.
void FillBudget(const ModelSnapshot& snapshot, v1::GetModelStatusResponse* response);

// Brings the alerts of an incident up to date. The incident is stored when its alerts fire, rise by
// a tenth, or end; in between, the published verdicts of firing alerts are newer, and a higher
// score is a new peak.
void RenewVerdicts(const ModelSnapshot& snapshot, v1::Incident* incident);

// In a sentence or two: whether the model is being judged, and if not, why.
std::string Summarise(const ModelSnapshot& snapshot, int64_t now_ns);

}  // namespace faultline::review
