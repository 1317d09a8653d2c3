#pragma once

#include <CLI/CLI.hpp>

namespace faultline {

// The commands that are the daemon itself; see daemon/cli/commands/commands.h for the others.
void AddServe(CLI::App* app, int* exit_code);
void AddConfig(CLI::App* app, int* exit_code);

}  // namespace faultline
