#pragma once

#include "daemon/cli/args/command_line.h"

namespace faultline::cli {

// Adds every command below, with its own subcommands.
void AddCommands(Command root);

// One function per command; each in the source file of its name.
void AddDemo(Command root);
void AddReplay(Command root);
void AddBacktest(Command root);
void AddReference(Command root);
void AddStatus(Command root);
void AddModels(Command root);
void AddIncidents(Command root);
void AddAlert(Command root);
void AddState(Command root);
void AddSupportBundle(Command root);
void AddCompletion(Command root);
// Below `config`, which the daemon adds.
void AddConfigImport(Command config);

}  // namespace faultline::cli
