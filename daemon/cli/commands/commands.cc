#include "daemon/cli/commands/commands.h"

#include "daemon/cli/args/command_line.h"

namespace faultline::cli {

void AddCommands(Command root) {
  for (void (*add)(Command) : {AddDemo, AddReplay, AddBacktest, AddReference, AddStatus, AddModels,
                               AddIncidents, AddAlert, AddState, AddSupportBundle, AddCompletion}) {
    add(root);
  }
}

}  // namespace faultline::cli
