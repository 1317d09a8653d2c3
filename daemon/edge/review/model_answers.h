#pragma once

#include <string>

#include "daemon/core/contract/snapshot.h"
#include "faultline/v1/incident.pb.h"
#include "faultline/v1/model.pb.h"

namespace faultline::review {

// What the model services say of a model's snapshot.
//
// Concurrency:  pure.

// `now_ns`: the daemon's clock, to tell whether a silence still holds.
v1::Model ToModel(const ModelSnapshot& snapshot, bool with_signals, int64_t now_ns);

v1::SignalStatus ToSignalStatus(const SignalReading& signal);

// Its alarm budget; unset if none is granted.
void FillBudget(const ModelSnapshot& snapshot, v1::GetModelStatusResponse* response);

// The incident is stored when its alerts fire, rise by a tenth, or end. Between that, the newest
// verdicts of those that fire are the published ones; a higher score is a new peak too.
void RenewVerdicts(const ModelSnapshot& snapshot, v1::Incident* incident);

// In a sentence or two: is anything being judged, and if not, why.
std::string Summarise(const ModelSnapshot& snapshot, int64_t now_ns);

}  // namespace faultline::review
