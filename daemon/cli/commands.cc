#include "daemon/cli/commands.h"

#include <iostream>

#include "daemon/cli/client.h"

namespace faultline::cli {
namespace {

// clang-format off
constexpr CommandEntry kCommands[] = {
    {"demo",           AddDemo},
    {"replay",         AddReplay},
    {"backtest",       AddBacktest},
    {"reference",      AddReference},
    {"status",         AddStatus},
    {"models",         AddModels},
    {"incidents",      AddIncidents},
    {"alert",          AddAlert},
    {"state",          AddState},
    {"support-bundle", AddSupportBundle},
    {"completion",     AddCompletion},
};
// clang-format on

}  // namespace

std::span<const CommandEntry> Commands() { return kCommands; }

void RegisterCommands(CLI::App* app, int* exit_code) {
  for (const CommandEntry& command : Commands()) command.add(app, exit_code);
}

int RunCommandLine(CLI::App* app, int argc, const char* const* argv, const int* exit_code) {
  try {
    app->parse(argc, argv);
  } catch (const CLI::Success& asked) {  // --help and --version
    return app->exit(asked);
  } catch (const CLI::ParseError& error) {
    return Complain(std::string(error.what()) + "; see faultline --help", kExitUsage);
  }
  return *exit_code;
}

}  // namespace faultline::cli
