#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace faultline::cli {

// The binary's command line. The commands see these three classes only: the library behind them
// takes longer to compile than a command does, so command_line.cc alone includes it.

// One option or argument of a command: a handle, valid as long as its CommandLine.
class Option {
 public:
  explicit Option(CLI::Option* option) : option_(option) {}

  Option Required(bool required = true);
  // --help shows the default: the value that the option's target has now.
  Option ShowDefault();
  // May be given several times, with one value each.
  Option Repeated();
  // One word holds several values, separated by this character.
  Option SplitAt(char delimiter);
  // The smallest and the largest value accepted.
  Option InRange(double least, double most);
  Option InRange(uint32_t least, uint32_t most);
  Option InRange(uint64_t least, uint64_t most);
  // The values accepted.
  Option OneOf(std::vector<std::string> values);
  // `complaint` returns what is wrong with a value; empty: nothing.
  Option Check(std::function<std::string(const std::string&)> complaint);
  // Accepted only together with, or only without, another option of the command.
  Option Needs(const std::string& other);
  Option Excludes(const std::string& other);

  // Once the command line is parsed: whether it has the option.
  bool given() const;

 private:
  CLI::Option* option_;
};

// One command: a handle, valid as long as its CommandLine.
class Command {
 public:
  Command(CLI::App* app, int* exit_code) : app_(app), exit_code_(exit_code) {}

  // A command below this one.
  Command Add(const std::string& name, const std::string& description);
  // One of the commands below this one must be given.
  void RequireCommand();
  // `run` carries the command out and returns the exit code.
  void OnRun(std::function<int()> run);

  // Adds an option ("--name") or an argument ("name"). The value is written to `target`, which must
  // outlive the parsing. Numbers and bools must be well-formed, else the command line is refused.
  Option AddOption(const std::string& name, std::string* target, const std::string& description);
  Option AddOption(const std::string& name, std::optional<std::string>* target,
                   const std::string& description);
  Option AddOption(const std::string& name, std::vector<std::string>* target,
                   const std::string& description);
  Option AddOption(const std::string& name, double* target, const std::string& description);
  Option AddOption(const std::string& name, std::vector<double>* target,
                   const std::string& description);
  Option AddOption(const std::string& name, uint32_t* target, const std::string& description);
  Option AddOption(const std::string& name, uint64_t* target, const std::string& description);
  // An option without a value; sets `target` to true.
  Option AddFlag(const std::string& name, bool* target, const std::string& description);
  // One that was added before.
  Option Find(const std::string& name) const;

  std::string name() const;
  std::vector<Command> commands() const;
  // Names of the options, with their dashes.
  std::vector<std::string> option_names() const;

 private:
  CLI::App* app_;
  int* exit_code_;
};

class CommandLine {
 public:
  CommandLine(const std::string& name, const std::string& description, const std::string& version);
  ~CommandLine();

  // The binary itself; the commands are added to it.
  Command root();

  // Parses the words after argv[0] and runs the command they name. Returns its exit code, or
  // kExitUsage after one line on standard error; an unknown command is answered with the nearest
  // known one.
  int Run(int argc, const char* const* argv);

 private:
  std::string UnknownCommand(int argc, const char* const* argv);

  std::unique_ptr<CLI::App> app_;
  int exit_code_;
};

}  // namespace faultline::cli
