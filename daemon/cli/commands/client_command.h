#pragma once

#include <absl/status/status.h>
#include <grpcpp/support/status.h>

#include <string>

#include "daemon/cli/args/command_line.h"
#include "daemon/client/client.h"

namespace faultline::cli {

// Shared by the commands that call the daemon.

// Adds --address, --output and --timeout to a command; `options` must outlive it.
void AddClientOptions(Command command, ClientOptions* options);

// Default of --actor: the user's name from the system, $USER, or empty.
std::string Actor();

// Writes to standard error, on one line, that a call failed and what to do. Returns its exit code.
int Report(const grpc::Status& status, const ClientOptions& options);
int Report(const absl::Status& status, const ClientOptions& options);

}  // namespace faultline::cli
