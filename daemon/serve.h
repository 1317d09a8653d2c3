#pragma once

#include "daemon/cli/args/command_line.h"

namespace faultline {

// The commands that are the daemon itself; see daemon/cli/commands/commands.h for the others.
void AddServe(cli::Command app);
void AddConfig(cli::Command app);

}  // namespace faultline
