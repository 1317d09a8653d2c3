#include <CLI/CLI.hpp>

#include "daemon/cli/commands.h"
#include "daemon/serve.h"

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
