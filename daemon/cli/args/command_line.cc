#include "daemon/cli/args/command_line.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <utility>

#include "base/nearest.h"
#include "daemon/cli/console/outcome.h"

namespace faultline::cli {
namespace {

// The command that was probably meant by a typing error, or a longer or shorter form; or empty.
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

}  // namespace

Option Option::Required(bool required) {
  option_->required(required);
  return *this;
}

Option Option::ShowDefault() {
  option_->capture_default_str();
  return *this;
}

Option Option::Repeated() {
  option_->take_all();
  return *this;
}

Option Option::SplitAt(char delimiter) {
  option_->delimiter(delimiter);
  return *this;
}

Option Option::InRange(double least, double most) {
  option_->check(CLI::Range(least, most));
  return *this;
}

Option Option::InRange(uint32_t least, uint32_t most) {
  option_->check(CLI::Range(least, most));
  return *this;
}

Option Option::InRange(uint64_t least, uint64_t most) {
  option_->check(CLI::Range(least, most));
  return *this;
}

Option Option::OneOf(std::vector<std::string> values) {
  option_->check(CLI::IsMember(std::move(values)));
  return *this;
}

Option Option::Check(std::function<std::string(const std::string&)> complaint) {
  option_->check(std::move(complaint), "");
  return *this;
}

Option Option::Needs(const std::string& other) {
  option_->needs(other);
  return *this;
}

Option Option::Excludes(const std::string& other) {
  option_->excludes(other);
  return *this;
}

bool Option::given() const { return option_->count() > 0; }

Command Command::Add(const std::string& name, const std::string& description) {
  return Command(app_->add_subcommand(name, description), exit_code_);
}

void Command::RequireCommand() { app_->require_subcommand(1); }

void Command::OnRun(std::function<int()> run) {
  app_->callback([run = std::move(run), exit_code = exit_code_] { *exit_code = run(); });
}

Option Command::AddOption(const std::string& name, std::string* target,
                          const std::string& description) {
  return Option(app_->add_option(name, *target, description));
}

Option Command::AddOption(const std::string& name, std::optional<std::string>* target,
                          const std::string& description) {
  return Option(app_->add_option(name, *target, description));
}

Option Command::AddOption(const std::string& name, std::vector<std::string>* target,
                          const std::string& description) {
  return Option(app_->add_option(name, *target, description));
}

Option Command::AddOption(const std::string& name, double* target, const std::string& description) {
  return Option(app_->add_option(name, *target, description));
}

Option Command::AddOption(const std::string& name, std::vector<double>* target,
                          const std::string& description) {
  return Option(app_->add_option(name, *target, description));
}

Option Command::AddOption(const std::string& name, uint32_t* target,
                          const std::string& description) {
  return Option(app_->add_option(name, *target, description));
}

Option Command::AddOption(const std::string& name, uint64_t* target,
                          const std::string& description) {
  return Option(app_->add_option(name, *target, description));
}

Option Command::AddFlag(const std::string& name, bool* target, const std::string& description) {
  return Option(app_->add_flag(name, *target, description));
}

Option Command::Find(const std::string& name) const { return Option(app_->get_option(name)); }

std::string Command::name() const { return app_->get_name(); }

std::vector<Command> Command::commands() const {
  std::vector<Command> commands;
  for (CLI::App* app : app_->get_subcommands([](CLI::App*) { return true; })) {
    commands.emplace_back(app, exit_code_);
  }
  return commands;
}

std::vector<std::string> Command::option_names() const {
  std::vector<std::string> names;
  for (const CLI::Option* option : app_->get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

CommandLine::CommandLine(const std::string& name, const std::string& description,
                         const std::string& version)
    : app_(std::make_unique<CLI::App>(description, name)), exit_code_(kExitOk) {
  app_->require_subcommand(1);
  app_->set_version_flag("--version", version);
}

CommandLine::~CommandLine() = default;

Command CommandLine::root() { return Command(app_.get(), &exit_code_); }

int CommandLine::Run(int argc, const char* const* argv) {
  try {
    app_->parse(argc, argv);
  } catch (const CLI::Success& asked) {  // --help and --version
    return app_->exit(asked);
  } catch (const CLI::ParseError& error) {
    const std::string unknown = UnknownCommand(argc, argv);
    if (!unknown.empty()) return Complain(unknown, kExitUsage);
    return Complain(std::string(error.what()) + "; see faultline --help", kExitUsage);
  }
  return exit_code_;
}

// The complaint if a word that should name a command does not; else empty.
std::string CommandLine::UnknownCommand(int argc, const char* const* argv) {
  Command command = root();
  std::string before;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const std::vector<Command> commands = command.commands();
    // The command's own arguments follow, or an option and perhaps its value.
    if (commands.empty() || word.starts_with('-')) return "";
    const auto found = std::find_if(commands.begin(), commands.end(),
                                    [&](const Command& known) { return known.name() == word; });
    if (found == commands.end()) {
      std::vector<std::string> names;
      for (const Command& known : commands) names.push_back(known.name());
      const std::string meant(Meant(word, names));
      return absl::StrCat("unknown command '", before, word, "'",
                          meant.empty() ? absl::StrCat("; use one of: ", absl::StrJoin(names, ", "))
                                        : absl::StrCat("; did you mean '", before, meant, "'?"));
    }
    command = *found;
    absl::StrAppend(&before, word, " ");
  }
  return "";
}

}  // namespace faultline::cli
