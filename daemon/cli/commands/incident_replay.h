#pragma once

#include "daemon/cli/args/command_line.h"

namespace faultline::cli {

// Adds "replay" and "export" to the commands of incidents.
void AddIncidentReview(Command incidents);

}  // namespace faultline::cli
