#include <CLI/CLI.hpp>

#include "daemon/cli/commands/commands.h"
#include "daemon/serve.h"

// For jemalloc: few arenas, as few threads allocate much; what was given back leaves the process
// within a second.
extern "C" const char* malloc_conf;
const char* malloc_conf = "narenas:4,dirty_decay_ms:1000,muzzy_decay_ms:0";

int main(int argc, char** argv) {
  CLI::App app{"Faultline watches AI models and says which way they are failing.", "faultline"};
  app.require_subcommand(1);
  app.set_version_flag("--version", FAULTLINE_VERSION);
  int exit_code = faultline::cli::kExitOk;
  faultline::AddServe(&app, &exit_code);
  faultline::AddConfig(&app, &exit_code);
  faultline::cli::RegisterCommands(&app, &exit_code);
  return faultline::cli::RunCommandLine(&app, argc, argv, &exit_code);
}
