#include <absl/strings/str_cat.h>

#include <memory>
#include <string>

#include "daemon/cli/commands/client_command.h"
#include "daemon/cli/commands/model_lookup.h"
#include "daemon/cli/commands/reference_import.h"
#include "daemon/cli/console/console.h"
#include "daemon/cli/console/incident_text.h"
#include "daemon/cli/console/model_text.h"
#include "daemon/cli/console/outcome.h"
#include "daemon/client/client.h"
#include "daemon/client/messages.h"
#include "faultline/v1/reference.grpc.pb.h"

namespace faultline::cli {
namespace {

using Stub = v1::ReferenceService::Stub;

struct ReferenceOptions {
  ClientOptions client;
  ModelChoice model;
  std::string actor = Actor();
  std::string comment;
};

// Finds the model's version and calls. The answer's text comes from `text`.
template <typename Request, typename Response, typename Text>
int Ask(ReferenceOptions options, Request request,
        grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*), Text text) {
  const auto channel = Connect(options.client);
  const auto models = v1::ModelService::NewStub(channel);
  grpc::Status status = FindVersion(options.client, models.get(), &options.model);
  if (!status.ok()) return Report(status, options.client);
  request.set_model(options.model.name);
  request.set_version(*options.model.version);
  const auto stub = v1::ReferenceService::NewStub(channel);
  Response response;
  status = Call(options.client, stub.get(), method, request, &response);
  if (!status.ok()) return Report(status, options.client);
  return Print(options.client.json() ? ToJson(response, true) : text(response)) ? kExitOk
                                                                                : kExitFailed;
}

int List(const ReferenceOptions& options) {
  return Ask(options, v1::ListReferencesRequest(), &Stub::ListReferences,
             [](const v1::ListReferencesResponse& references) {
               return ReferencesText(references, TerminalStyle());
             });
}

int Promote(const ReferenceOptions& options) {
  v1::PromoteReferenceRequest request;
  request.set_actor(options.actor);
  request.set_comment(options.comment);
  return Ask(options, request, &Stub::PromoteReference,
             [](const v1::PromoteReferenceResponse& response) {
               const v1::Reference& reference = response.reference();
               return absl::StrCat("Reference ", reference.version(),
                                   " is in use, made of quiet panes: ", reference.signals(),
                                   " signals.\n");
             });
}

int Rollback(const ReferenceOptions& options) {
  v1::RollbackReferenceRequest request;
  request.set_actor(options.actor);
  request.set_comment(options.comment);
  return Ask(options, request, &Stub::RollbackReference,
             [](const v1::RollbackReferenceResponse& response) {
               return absl::StrCat("Reference ", response.reference().version(),
                                   " is in use again.\n");
             });
}

}  // namespace

void AddReferenceDecisions(Command reference) {
  const auto options = std::make_shared<ReferenceOptions>();
  const auto add = [&](const char* name, const char* description,
                       int (*run)(const ReferenceOptions&)) {
    Command command = reference.Add(name, description);
    AddClientOptions(command, &options->client);
    AddModelChoice(command, &options->model);
    command.OnRun([options, run] { return run(*options); });
    return command;
  };
  add("list", "List the references of a model, newest first", List);
  for (Command decision :
       {add("promote", "Make the rolling reference (the last quiet panes) the reference in use",
            Promote),
        add("rollback", "Undo the last import, promotion or relearning", Rollback)}) {
    decision.AddOption("--actor", &options->actor, "Your name, kept with the decision")
        .ShowDefault();
    decision.AddOption("--comment", &options->comment, "Comment");
  }
}

}  // namespace faultline::cli
