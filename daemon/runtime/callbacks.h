#pragma once

#include <cstdint>
#include <functional>

#include "daemon/core/contract/command.h"
#include "daemon/core/contract/effects.h"
#include "daemon/core/contract/event.h"

namespace faultline {

// Called once, on the committer's thread, after the commit that holds the batch or the command.
using BatchDone = std::function<void(const BatchResult&)>;
using CommandDone = std::function<void(const CommandResult&)>;
// Called for each incident change of a commit, after it, with the change's sequence.
using IncidentListener =
    std::function<void(uint64_t change_sequence, const IncidentChange& change)>;

}  // namespace faultline
