#include "daemon/cli/commands/commands.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include <algorithm>
#include <iostream>
#include <string>
#include <vector>

#include "base/nearest.h"
#include "daemon/client/client.h"

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

std::vector<std::string> NamesOf(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({})) {
    names.push_back(command->get_name());
  }
  return names;
}

// What was probably meant: a typing error, or a longer or shorter form. Empty: no idea.
std::string_view Meant(std::string_view word, const std::vector<std::string>& names) {
  const std::string_view nearest = Nearest(word, names);
  if (!nearest.empty()) return nearest;
  std::string_view found;
  for (const std::string& name : names) {
    if (!name.starts_with(word) && !word.starts_with(name)) continue;
    if (!found.empty()) return "";
    found = name;
  }
  return found;
}

// What is wrong if a word of the command line names no command where one is due; else empty.
std::string UnknownCommand(const CLI::App& root, std::span<const char* const> words) {
  const CLI::App* app = &root;
  std::string before;
  for (const std::string_view word : words) {
    const std::vector<std::string> names = NamesOf(*app);
    // What the command takes follows, or an option and perhaps its value.
    if (names.empty() || word.starts_with('-')) return "";
    if (std::find(names.begin(), names.end(), word) == names.end()) {
      const std::string_view meant = Meant(word, names);
      return absl::StrCat("there is no command '", before, std::string(word), "'",
                          meant.empty()
                              ? absl::StrCat(", expected one of: ", absl::StrJoin(names, ", "))
                              : absl::StrCat(", did you mean '", before, std::string(meant), "'?"));
    }
    app = app->get_subcommand(std::string(word));
    absl::StrAppend(&before, std::string(word), " ");
  }
  return "";
}

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
    const std::string unknown =
        UnknownCommand(*app, std::span(argv, static_cast<size_t>(argc)).subspan(argc > 0 ? 1 : 0));
    if (!unknown.empty()) return Complain(unknown, kExitUsage);
    return Complain(std::string(error.what()) + "; see faultline --help", kExitUsage);
  }
  return *exit_code;
}

}  // namespace faultline::cli
