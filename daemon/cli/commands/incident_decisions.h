#pragma once

#include "daemon/cli/args/command_line.h"

namespace faultline::cli {

// Adds a person's decisions to the commands of incidents: "ack", "resolve", "comment", "reopen" and
// "suppress".
void AddIncidentDecisions(Command incidents);

}  // namespace faultline::cli
