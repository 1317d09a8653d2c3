#pragma once

#include <absl/status/status.h>

#include <string_view>

namespace faultline::cli {

// Exit codes of the binary.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;       // failed, or refused by the daemon
inline constexpr int kExitUsage = 2;        // the command line is wrong
inline constexpr int kExitUnreachable = 3;  // the daemon cannot be reached
inline constexpr int kExitNotFound = 4;     // what was asked for does not exist

// Writes to standard output. False if it is closed.
bool Print(std::string_view text);

// Writes "faultline: <text>" to standard error, on one line, and returns `exit_code`.
int Complain(std::string_view text, int exit_code);

// The same with the message of a status.
int Complain(const absl::Status& status, int exit_code);

}  // namespace faultline::cli
