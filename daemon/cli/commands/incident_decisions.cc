#include "daemon/cli/commands/incident_decisions.h"

#include <absl/strings/str_cat.h>
#include <google/protobuf/util/time_util.h>

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/utf8.h"
#include "daemon/cli/commands/client_command.h"
#include "daemon/cli/console/console.h"
#include "daemon/cli/console/outcome.h"
#include "daemon/client/client.h"
#include "daemon/client/messages.h"
#include "daemon/core/settings/settings.h"
#include "faultline/v1/incident_service.grpc.pb.h"

namespace faultline::cli {
namespace {

using google::protobuf::util::TimeUtil;
using Stub = v1::IncidentService::Stub;

struct DecisionOptions {
  ClientOptions client;
  std::string id;
  std::string actor = Actor();
  std::string comment;
  std::string duration;  // suppress
};

template <typename Request, typename Response>
int Decide(const DecisionOptions& options, const char* done, Request request,
           grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*)) {
  request.set_id(options.id);
  request.set_actor(options.actor);
  request.set_comment(options.comment);
  Response response;
  const auto stub = v1::IncidentService::NewStub(Connect(options.client));
  const grpc::Status status = Call(options.client, stub.get(), method, request, &response);
  if (!status.ok()) return Report(status, options.client);
  const std::string text =
      options.client.json()
          ? ToJson(response, true)
          : absl::StrCat(done, " incident ", Printable(response.incident().id()), ".\n");
  return Print(text) ? kExitOk : kExitFailed;
}

int Acknowledge(const DecisionOptions& options) {
  return Decide(options, "Acknowledged", v1::AcknowledgeIncidentRequest(),
                &Stub::AcknowledgeIncident);
}

int Resolve(const DecisionOptions& options) {
  return Decide(options, "Resolved", v1::ResolveIncidentRequest(), &Stub::ResolveIncident);
}

int Comment(const DecisionOptions& options) {
  return Decide(options, "Commented on", v1::CommentIncidentRequest(), &Stub::CommentIncident);
}

int Reopen(const DecisionOptions& options) {
  return Decide(options, "Reopened", v1::ReopenIncidentRequest(), &Stub::ReopenIncident);
}

int Suppress(const DecisionOptions& options) {
  v1::SuppressIncidentRequest request;
  if (options.duration == "end") {
    return Decide(options, "No longer suppresses", request, &Stub::SuppressIncident);
  }
  const absl::StatusOr<int64_t> span_ns = ParseDuration(options.duration);
  if (!span_ns.ok()) {
    return Complain("--for: expected a duration such as 30m, 8h, 7d, or end", kExitUsage);
  }
  *request.mutable_until() = TimeUtil::NanosecondsToTimestamp(WallNowNs() + *span_ns);
  return Decide(options, "Suppresses", request, &Stub::SuppressIncident);
}

// Protobuf would print its own error and send nothing.
std::string TextComplaint(const std::string& value) {
  return Utf8PrefixBytes(value) == value.size() ? std::string() : "must be valid UTF-8";
}

Command AddOne(Command incidents, const char* name, const char* description,
               const std::shared_ptr<DecisionOptions>& options,
               int (*run)(const DecisionOptions&)) {
  Command command = incidents.Add(name, description);
  AddClientOptions(command, &options->client);
  command.AddOption("id", &options->id, "Incident id, or an unambiguous prefix of it").Required();
  command.AddOption("--actor", &options->actor, "Your name, kept with the decision")
      .Check(TextComplaint)
      .ShowDefault();
  command.OnRun([options, run] { return run(*options); });
  return command;
}

void AddComment(Command command, DecisionOptions* options) {
  command.AddOption("--comment", &options->comment, "Comment").Check(TextComplaint);
}

}  // namespace

void AddIncidentDecisions(Command incidents) {
  const auto options = std::make_shared<DecisionOptions>();
  AddComment(
      AddOne(incidents, "ack", "Acknowledge it: you are working on it", options, Acknowledge),
      options.get());
  AddComment(AddOne(incidents, "resolve", "Resolve it", options, Resolve), options.get());
  AddOne(incidents, "comment", "Comment on it", options, Comment)
      .AddOption("comment", &options->comment, "Comment text")
      .Required()
      .Check(TextComplaint);
  AddComment(AddOne(incidents, "reopen", "Reopen it", options, Reopen), options.get());
  Command suppress =
      AddOne(incidents, "suppress", "Suppress its notifications for a while", options, Suppress);
  suppress
      .AddOption("--for", &options->duration, "Duration such as 30m, 8h, 7d; end: stop suppressing")
      .Required();
  AddComment(suppress, options.get());
}

}  // namespace faultline::cli
