#include "daemon/cli/commands/client_command.h"

#include <absl/strings/str_cat.h>

#include <cstdlib>

#include "daemon/cli/console/console.h"
#include "daemon/cli/console/outcome.h"

namespace faultline::cli {

void AddClientOptions(Command command, ClientOptions* options) {
  command.AddOption("--address", &options->address,
                    "Daemon address: host:port or unix:/path (default: $FAULTLINE_ADDRESS)");
  command.AddOption("--output", &options->output, "Output format: text or json")
      .OneOf({"text", "json"})
      .ShowDefault();
  command.AddOption("--timeout", &options->timeout_seconds, "Seconds to wait for an answer")
      .InRange(0.001, 86'400.0)
      .ShowDefault();
}

std::string Actor() {
  const char* user = std::getenv("USER");
  return user == nullptr ? "" : user;
}

int Report(const grpc::Status& status, const ClientOptions& options) {
  const std::string message = Printable(status.error_message());
  switch (status.error_code()) {
    case grpc::StatusCode::OK:
      return kExitOk;
    case grpc::StatusCode::UNAVAILABLE:
      return Complain(
          absl::StrCat("cannot reach the daemon at ", Printable(AddressOf(options)), " (", message,
                       "); start it with 'faultline serve', or say where it is with "
                       "--address"),
          kExitUnreachable);
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return Complain(
          absl::StrCat("the daemon at ", Printable(AddressOf(options)), " did not answer within ",
                       Short(options.timeout_seconds), " s; wait longer with --timeout"),
          kExitUnreachable);
    case grpc::StatusCode::UNIMPLEMENTED:
      return Complain(absl::StrCat("the server at ", Printable(AddressOf(options)),
                                   " does not know this call; is it a Faultline of this version?"),
                      kExitFailed);
    case grpc::StatusCode::NOT_FOUND:
      return Complain(message, kExitNotFound);
    default:
      return Complain(message, kExitFailed);
  }
}

int Report(const absl::Status& status, const ClientOptions& options) {
  return Report(
      grpc::Status(static_cast<grpc::StatusCode>(status.raw_code()), std::string(status.message())),
      options);
}

}  // namespace faultline::cli
