#include "daemon/serve.h"

#include <cstdio>
#include <memory>
#include <string>

#include "base/escape.h"
#include "daemon/cli/args/command_line.h"
#include "daemon/cli/commands/commands.h"
#include "daemon/cli/console/outcome.h"
#include "daemon/config/config_file.h"
#include "daemon/daemon.h"

namespace faultline {

void AddServe(cli::Command app) {
  auto options = std::make_shared<ServeOptions>();
  cli::Command serve = app.Add("serve", "Run the daemon");
  serve.AddOption("--config", &options->config_path, "Configuration file (YAML)");
  serve.AddOption("--data-folder", &options->data_folder, "Folder of the state");
  serve.AddOption("--grpc", &options->grpc_address, "gRPC address, host:port, or off");
  serve.AddOption("--socket", &options->socket_path, "Path of the gRPC unix socket, or off");
  serve.AddOption("--http", &options->http_address, "HTTP address, host:port");
  serve.AddOption("--reports", &options->reports_address,
                  "Address for incident reports over HTTP, host:port, or off");
  serve.OnRun([options] { return Serve(*options); });
}

void AddConfig(cli::Command app) {
  auto path = std::make_shared<std::string>();
  cli::Command config = app.Add("config", "Check or import a configuration file");
  config.RequireCommand();
  cli::Command check =
      config.Add("check", "Check a configuration file without starting the daemon");
  check.AddOption("file", path.get(), "Configuration file (YAML)").Required();
  check.OnRun([path] {
    const absl::Status status = CheckConfigFile(*path);
    if (status.ok()) {
      cli::Print(Escaped(*path) + ": ok\n");
      return cli::kExitOk;
    }
    std::fprintf(stderr, "%s\n", EscapedLines(std::string(status.message())).c_str());
    return cli::kExitFailed;
  });
  cli::AddConfigImport(config);
}

}  // namespace faultline
