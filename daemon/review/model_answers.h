#pragma once

#include <string>

#include "daemon/core/snapshot.h"
#include "faultline/v1/model.pb.h"

namespace faultline::review {

// What the model services say of a model's snapshot.
//
// Concurrency:  pure.

// `now_ns`: the daemon's clock, to tell whether a silence still holds.
v1::Model ToModel(const ModelSnapshot& snapshot, bool with_signals, int64_t now_ns);

v1::SignalStatus ToSignalStatus(const SignalReading& signal);

// In a sentence or two: is anything being judged, and if not, why.
std::string Summarise(const ModelSnapshot& snapshot, int64_t now_ns);

}  // namespace faultline::review
