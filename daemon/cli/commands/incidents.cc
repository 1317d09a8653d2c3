#include <absl/strings/str_cat.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "daemon/cli/args/command_line.h"
#include "daemon/cli/commands/client_command.h"
#include "daemon/cli/commands/commands.h"
#include "daemon/cli/commands/incident_decisions.h"
#include "daemon/cli/commands/incident_replay.h"
#include "daemon/cli/console/console.h"
#include "daemon/cli/console/incident_text.h"
#include "daemon/cli/console/interrupt.h"
#include "daemon/cli/console/outcome.h"
#include "daemon/cli/console/own_file.h"
#include "daemon/client/client.h"
#include "daemon/client/messages.h"
#include "daemon/edge/report/report.h"
#include "faultline/v1/incident_service.grpc.pb.h"

namespace faultline::cli {
namespace {

using Stub = v1::IncidentService::Stub;

struct IncidentsOptions {
  ClientOptions client;
  std::string model;
  std::vector<std::string> states;
  uint32_t limit = 50;
  std::string id;
  std::string resume_token;
  uint64_t changes_max = 0;
  std::string file;
};

std::unique_ptr<Stub> Incidents(const IncidentsOptions& options) {
  return v1::IncidentService::NewStub(Connect(options.client));
}

int List(const IncidentsOptions& options) {
  v1::ListIncidentsRequest request;
  request.set_model(options.model);
  for (const std::string& word : options.states) {
    if (word == "open") request.add_states(v1::INCIDENT_STATE_OPEN);
    if (word == "acknowledged") request.add_states(v1::INCIDENT_STATE_ACKNOWLEDGED);
    if (word == "resolved") request.add_states(v1::INCIDENT_STATE_RESOLVED);
  }
  const auto stub = Incidents(options);
  v1::ListIncidentsResponse all;
  do {
    const auto missing = options.limit - static_cast<uint32_t>(all.incidents_size());
    request.set_page_size(std::min(missing, 1'000u));
    v1::ListIncidentsResponse page;
    const grpc::Status status =
        Call(options.client, stub.get(), &Stub::ListIncidents, request, &page);
    if (!status.ok()) return Report(status, options.client);
    for (v1::Incident& incident : *page.mutable_incidents()) {
      *all.add_incidents() = std::move(incident);
    }
    all.set_next_page_token(page.next_page_token());
    request.set_page_token(page.next_page_token());
  } while (!all.next_page_token().empty() &&
           static_cast<uint32_t>(all.incidents_size()) < options.limit);
  if (options.client.json()) return Print(ToJson(all, true)) ? kExitOk : kExitFailed;
  std::string text = ListText(all, TerminalStyle());
  if (!all.next_page_token().empty()) {
    absl::StrAppend(&text, "There are older incidents; raise --limit to see them.\n");
  }
  return Print(text) ? kExitOk : kExitFailed;
}

int Show(const IncidentsOptions& options) {
  v1::GetIncidentRequest request;
  request.set_id(options.id);
  v1::GetIncidentResponse response;
  const grpc::Status status =
      Call(options.client, Incidents(options).get(), &Stub::GetIncident, request, &response);
  if (!status.ok()) return Report(status, options.client);
  const std::string text = options.client.json()
                               ? ToJson(response, true)
                               : IncidentText(response.incident(), TerminalStyle());
  return Print(text) ? kExitOk : kExitFailed;
}

int WriteReport(const IncidentsOptions& options) {
  v1::GetIncidentRequest request;
  request.set_id(options.id);
  v1::GetIncidentResponse response;
  const auto stub = Incidents(options);
  grpc::Status status = Call(options.client, stub.get(), &Stub::GetIncident, request, &response);
  if (!status.ok()) return Report(status, options.client);
  const std::string& id = response.incident().id();
  v1::GetEvidenceRequest evidence_request;
  evidence_request.set_id(id);
  v1::GetEvidenceResponse evidence;
  status = Call(options.client, stub.get(), &Stub::GetEvidence, evidence_request, &evidence);
  // Older daemons and incidents have no bundle; then the incident itself is shown.
  const bool missing = status.error_code() == grpc::StatusCode::UNIMPLEMENTED ||
                       status.error_code() == grpc::StatusCode::NOT_FOUND;
  if (!status.ok() && !missing) return Report(status, options.client);
  const std::string page = ReportPage(response.incident(), evidence.bundle(), "");
  return WriteOwnFile(options.file.empty() ? "incident-" + id + ".html" : options.file, page);
}

int Watch(const IncidentsOptions& options) {
  grpc::ClientContext context;
  const Interrupt interrupt([&context] { context.TryCancel(); });
  v1::WatchIncidentsRequest request;
  request.set_model(options.model);
  request.set_resume_token(options.resume_token);
  const auto stub = Incidents(options);
  const auto reader = stub->WatchIncidents(&context, request);
  const Style style = TerminalStyle();
  std::string token = options.resume_token;
  uint64_t changes = 0;
  v1::WatchIncidentsResponse change;
  bool output_closed = false;
  bool enough = false;
  while (!enough && reader->Read(&change)) {
    if (!change.resume_token().empty()) token = change.resume_token();
    if (!Print(options.client.json() ? ToJson(change, false) : ChangeText(change, style))) {
      output_closed = true;
    }
    enough = output_closed || ++changes == options.changes_max;
  }
  // A stream that ended by itself has a status.
  if (enough) context.TryCancel();
  while (reader->Read(&change)) {
  }
  const grpc::Status status = reader->Finish();
  if (options.changes_max != 0 && changes == options.changes_max) return kExitOk;
  if (output_closed) return kExitFailed;
  if (token != options.resume_token && !options.client.json()) {
    Complain("to continue from here, use --resume " + token, kExitOk);
  }
  return interrupt.happened() ? kExitOk : Report(status, options.client);
}

Command AddOne(Command parent, const char* name, const char* description,
               const std::shared_ptr<IncidentsOptions>& options,
               int (*run)(const IncidentsOptions&)) {
  Command command = parent.Add(name, description);
  AddClientOptions(command, &options->client);
  command.OnRun([options, run] { return run(*options); });
  return command;
}

void AddId(Command command, IncidentsOptions* options) {
  command.AddOption("id", &options->id, "Incident id, or an unambiguous prefix of it").Required();
}

}  // namespace

void AddIncidents(Command root) {
  Command incidents = root.Add("incidents", "Review incidents");
  incidents.RequireCommand();
  const auto options = std::make_shared<IncidentsOptions>();
  Command list = AddOne(incidents, "list", "List incidents, newest first", options, List);
  list.AddOption("--model", &options->model, "Only incidents of this model");
  list.AddOption("--state", &options->states, "Only incidents in this state")
      .OneOf({"open", "acknowledged", "resolved"});
  list.AddOption("--limit", &options->limit, "Most incidents to list")
      .InRange(1u, 100'000u)
      .ShowDefault();
  AddId(
      AddOne(incidents, "show", "Show one incident with alerts, plots and timeline", options, Show),
      options.get());
  Command report = AddOne(incidents, "report", "Write one incident as a self-contained HTML file",
                          options, WriteReport);
  AddId(report, options.get());
  report.AddOption("--file", &options->file,
                   "Output file; - for standard output (default: incident-ID.html)");
  Command watch =
      AddOne(incidents, "watch", "Follow incidents: the open ones, then changes as they happen",
             options, Watch);
  watch.AddOption("--model", &options->model, "Only incidents of this model");
  watch.AddOption("--resume", &options->resume_token, "Resume token of an earlier watch");
  watch.AddOption("--count", &options->changes_max, "Exit after this many changes");
  AddIncidentDecisions(incidents);
  AddIncidentReview(incidents);
}

}  // namespace faultline::cli
