#pragma once

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <span>
#include <string_view>

namespace faultline::cli {

// What the binary's exit code says.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;       // failed, or refused by the daemon
inline constexpr int kExitUsage = 2;        // the command line is wrong
inline constexpr int kExitUnreachable = 3;  // the daemon cannot be reached
inline constexpr int kExitNotFound = 4;     // what was asked for is not there

// One command of the binary. `add` adds it (and its own subcommands) to the app; when the command
// line names it, its callback runs it and leaves the exit code in *exit_code, which outlives the
// app's parsing.
struct CommandEntry {
  std::string_view name;
  void (*add)(CLI::App* app, int* exit_code);
};

// The table.
std::span<const CommandEntry> Commands();

// Adds every command of the table.
void RegisterCommands(CLI::App* app, int* exit_code);

// Parses the command line, which runs the command it names. Returns *exit_code, or kExitUsage with
// one line on standard error; of a word that is no command, it says which one is nearest.
int RunCommandLine(CLI::App* app, int argc, const char* const* argv, const int* exit_code);

// One function per command; each in the source file of its name.
void AddDemo(CLI::App* app, int* exit_code);
void AddReplay(CLI::App* app, int* exit_code);
void AddBacktest(CLI::App* app, int* exit_code);
void AddReference(CLI::App* app, int* exit_code);
void AddStatus(CLI::App* app, int* exit_code);
void AddModels(CLI::App* app, int* exit_code);
void AddIncidents(CLI::App* app, int* exit_code);
void AddAlert(CLI::App* app, int* exit_code);
void AddState(CLI::App* app, int* exit_code);
void AddSupportBundle(CLI::App* app, int* exit_code);
void AddCompletion(CLI::App* app, int* exit_code);
// Below `config`, which the daemon adds.
void AddConfigImport(CLI::App* config, int* exit_code);

}  // namespace faultline::cli
