#include <absl/strings/str_cat.h>

#include <memory>
#include <string>

#include "daemon/cli/args/command_line.h"
#include "daemon/cli/commands/client_command.h"
#include "daemon/cli/commands/commands.h"
#include "daemon/cli/console/console.h"
#include "daemon/cli/console/outcome.h"
#include "daemon/client/client.h"
#include "daemon/client/messages.h"
#include "faultline/v1/admin.grpc.pb.h"

namespace faultline::cli {
namespace {

struct AlertOptions {
  ClientOptions client;
  uint32_t seconds = 300;
  std::string actor = Actor();
};

int Test(const AlertOptions& options) {
  const auto admin = v1::AdminService::NewStub(Connect(options.client));
  v1::TestAlertRequest request;
  request.set_seconds(options.seconds);
  request.set_actor(options.actor);
  v1::TestAlertResponse response;
  const grpc::Status status =
      Call(options.client, admin.get(), &v1::AdminService::Stub::TestAlert, request, &response);
  if (!status.ok()) return Report(status, options.client);
  if (options.client.json()) return Print(ToJson(response, true)) ? kExitOk : kExitFailed;
  const std::string text = absl::StrCat(
      "Opened test incident ", Printable(response.incident_id()), ", which fires for ",
      options.seconds,
      " s as model faultline_test.\nIf no page arrives, check Prometheus' alerts page, then "
      "Alertmanager's, then its receivers.\n");
  return Print(text) ? kExitOk : kExitFailed;
}

}  // namespace

void AddAlert(Command root) {
  Command alert = root.Add("alert", "Test the route to the pager");
  alert.RequireCommand();
  Command test = alert.Add("test", "Open a test incident that fires for a while");
  const auto options = std::make_shared<AlertOptions>();
  AddClientOptions(test, &options->client);
  test.AddOption("--seconds", &options->seconds, "Seconds until it resolves")
      .InRange(1u, 3'600u)
      .ShowDefault();
  test.AddOption("--actor", &options->actor, "Your name, kept with the decision").ShowDefault();
  test.OnRun([options] { return Test(*options); });
}

}  // namespace faultline::cli
