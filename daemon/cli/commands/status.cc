#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "daemon/cli/args/command_line.h"
#include "daemon/cli/commands/client_command.h"
#include "daemon/cli/commands/commands.h"
#include "daemon/cli/commands/model_lookup.h"
#include "daemon/cli/console/console.h"
#include "daemon/cli/console/model_text.h"
#include "daemon/cli/console/outcome.h"
#include "daemon/client/client.h"
#include "daemon/client/messages.h"
#include "faultline/v1/admin.grpc.pb.h"
#include "faultline/v1/model.grpc.pb.h"

namespace faultline::cli {
namespace {

struct StatusOptions {
  ClientOptions client;
  ModelChoice model;
  bool all = false;
};

int ShowDaemon(const StatusOptions& options) {
  const auto channel = Connect(options.client);
  const auto admin = v1::AdminService::NewStub(channel);
  v1::GetStatusResponse daemon;
  grpc::Status status = Call(options.client, admin.get(), &v1::AdminService::Stub::GetStatus,
                             v1::GetStatusRequest(), &daemon);
  if (!status.ok()) return Report(status, options.client);
  if (options.client.json()) return Print(ToJson(daemon, true)) ? kExitOk : kExitFailed;
  const Style style = TerminalStyle();
  std::string text = DaemonStatusText(daemon, WallNowNs(), style);
  const auto models = v1::ModelService::NewStub(channel);
  v1::ListModelsResponse list;
  status = ListAllModels(options.client, models.get(), &list);
  if (!status.ok()) return Report(status, options.client);
  text += "\n" + ModelsText(list, style);
  return Print(text) ? kExitOk : kExitFailed;
}

int ShowModel(StatusOptions options) {
  const auto models = v1::ModelService::NewStub(Connect(options.client));
  grpc::Status status = FindVersion(options.client, models.get(), &options.model);
  if (!status.ok()) return Report(status, options.client);
  v1::GetModelStatusRequest request;
  request.set_name(options.model.name);
  request.set_version(*options.model.version);
  v1::GetModelStatusResponse response;
  status = Call(options.client, models.get(), &v1::ModelService::Stub::GetModelStatus, request,
                &response);
  if (!status.ok()) return Report(status, options.client);
  const std::string text = options.client.json()
                               ? ToJson(response, true)
                               : ModelStatusText(response, options.all, TerminalStyle());
  return Print(text) ? kExitOk : kExitFailed;
}

}  // namespace

void AddStatus(Command root) {
  Command command =
      root.Add("status", "Show the state of the daemon, or of each signal of a model");
  const auto options = std::make_shared<StatusOptions>();
  AddClientOptions(command, &options->client);
  AddModelChoice(command, &options->model);
  command.Find("name").Required(false);
  command.AddFlag("--all", &options->all, "Show every verdict of every signal");
  command.OnRun([options] {
    return options->model.name.empty() ? ShowDaemon(*options) : ShowModel(*options);
  });
}

}  // namespace faultline::cli
