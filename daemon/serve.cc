#include "daemon/serve.h"

#include <cstdio>
#include <memory>

#include "daemon/cli/commands/commands.h"
#include "daemon/client/client.h"
#include "daemon/config/config_file.h"
#include "daemon/daemon.h"

namespace faultline {

void AddServe(CLI::App* app, int* exit_code) {
  auto options = std::make_shared<ServeOptions>();
  CLI::App* serve = app->add_subcommand("serve", "Run the daemon");
  serve->add_option("--config", options->config_path, "Configuration file (YAML)");
  serve->add_option("--data-folder", options->data_folder, "Where the state is kept");
  serve->add_option("--grpc", options->grpc_address, "Address of gRPC, host:port, or off");
  serve->add_option("--socket", options->socket_path, "Path of the unix socket, or off");
  serve->add_option("--http", options->http_address, "Address of HTTP, host:port");
  serve->add_option("--reports", options->reports_address,
                    "Address of the incident reports over HTTP, host:port, or off");
  serve->callback([options, exit_code] { *exit_code = Serve(*options); });
}

void AddConfig(CLI::App* app, int* exit_code) {
  auto path = std::make_shared<std::string>();
  CLI::App* config = app->add_subcommand("config", "Look at a configuration file");
  config->require_subcommand(1);
  CLI::App* check = config->add_subcommand("check", "Say whether serve would take it");
  check->add_option("file", *path, "Configuration file (YAML)")->required();
  check->callback([path, exit_code] {
    const absl::Status status = CheckConfigFile(*path);
    if (status.ok()) {
      cli::Print(*path + ": ok\n");
      *exit_code = cli::kExitOk;
    } else {
      std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
      *exit_code = cli::kExitFailed;
    }
  });
  cli::AddConfigImport(config, exit_code);
}

}  // namespace faultline
