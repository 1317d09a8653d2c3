#include "daemon/cli/commands/incident_replay.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "daemon/cli/commands/client_command.h"
#include "daemon/cli/console/console.h"
#include "daemon/cli/console/outcome.h"
#include "daemon/cli/console/own_file.h"
#include "daemon/client/client.h"
#include "daemon/client/messages.h"
#include "daemon/config/config_file.h"
#include "daemon/core/settings/settings.h"
#include "faultline/v1/incident_service.grpc.pb.h"

namespace faultline::cli {
namespace {

using google::protobuf::util::TimeUtil;
using Stub = v1::IncidentService::Stub;

struct ReviewOptions {
  ClientOptions client;
  std::string id;
  std::string budget;
  std::string config;
  std::string reference;
  std::string format = "json";
  std::string file;
};

std::unique_ptr<Stub> Incidents(const ReviewOptions& options) {
  return v1::IncidentService::NewStub(Connect(options.client));
}

// "BEGIN..END", as times of RFC 3339.
bool ReadSpan(const std::string& text, v1::ReplayIncidentRequest* request) {
  const std::pair<std::string, std::string> ends = absl::StrSplit(text, absl::MaxSplits("..", 1));
  return TimeUtil::FromString(ends.first, request->mutable_reference_start_time()) &&
         TimeUtil::FromString(ends.second, request->mutable_reference_end_time());
}

const char* BasisWords(v1::ReplayBasis basis) {
  switch (basis) {
    case v1::REPLAY_BASIS_PANES:
      return "panes";
    case v1::REPLAY_BASIS_PANES_AFRESH:
      return "panes, afresh";
    case v1::REPLAY_BASIS_EVENTS:
      return "all events";
    case v1::REPLAY_BASIS_SOME_EVENTS:
      return "some events";
    default:
      return "no answer";
  }
}

// Nothing could be computed for any series.
bool HasNoAnswer(const v1::ReplayIncidentResponse& response) {
  return std::all_of(
      response.series().begin(), response.series().end(),
      [](const v1::ReplaySeries& series) { return series.basis() == v1::REPLAY_BASIS_NONE; });
}

Cell AlarmCell(bool has, const google::protobuf::Timestamp& time) {
  return has ? TimeCell(ToNs(time)) : Cell("never");
}

std::string ReplayText(const v1::ReplayIncidentResponse& response, const Style& style) {
  std::string text = Wrap(absl::StrCat(response.answer(), "."), style.width, "");
  text += Wrap(absl::StrCat("How exact: ", response.exactness(), "."), style.width, "");
  if (!response.daemon_then().empty()) {
    text += Wrap(absl::StrCat("Version ", response.daemon_then(), " gave them."), style.width, "");
  }
  Grid grid({"signal", "detector", "equal", "alarm was", "alarm is", "from"}, /*whole=*/1);
  for (const v1::ReplaySeries& series : response.series()) {
    grid.Add({Printable(series.signal()), Printable(series.detector()),
              absl::StrCat(Grouped(series.equal()), " of ", Grouped(series.verdicts())),
              AlarmCell(series.has_alarm_was(), series.alarm_was()),
              series.basis() == v1::REPLAY_BASIS_NONE
                  ? Cell("-")
                  : AlarmCell(series.has_alarm_is(), series.alarm_is()),
              BasisWords(series.basis())});
  }
  absl::StrAppend(&text, "\n", grid.Text(style));
  std::string last;
  for (const v1::ReplaySeries& series : response.series()) {
    if (series.note().empty() || series.note() == last) continue;
    last = series.note();
    text += Wrap(absl::StrCat(series.signal(), ": ", last, "."), style.width, "  ");
  }
  return text;
}

int Replay(const ReviewOptions& options) {
  v1::ReplayIncidentRequest request;
  request.set_id(options.id);
  request.set_alarm_budget(options.budget);
  if (!options.config.empty()) {
    absl::StatusOr<LoadedConfig> loaded = LoadConfigFile(options.config);
    if (!loaded.ok()) return Complain(std::string(loaded.status().message()), kExitUsage);
    *request.mutable_config() = std::move(loaded->parsed.config);
  }
  if (!options.reference.empty() && !ReadSpan(options.reference, &request)) {
    return Complain(
        "--reference: expected two times such as 2026-01-31T12:00:00Z..2026-01-31T13:00:00Z",
        kExitUsage);
  }
  v1::ReplayIncidentResponse response;
  const grpc::Status status =
      Call(options.client, Incidents(options).get(), &Stub::ReplayIncident, request, &response);
  if (!status.ok()) return Report(status, options.client);
  const bool as_it_was =
      options.budget.empty() && options.config.empty() && options.reference.empty();
  const bool came_out = as_it_was ? response.identical() : !HasNoAnswer(response);
  const bool printed =
      Print(options.client.json() ? ToJson(response, true) : ReplayText(response, TerminalStyle()));
  return printed && came_out ? kExitOk : kExitFailed;
}

int Export(const ReviewOptions& options) {
  v1::ExportIncidentRequest request;
  request.set_id(options.id);
  request.set_format(options.format == "csv" ? v1::EXPORT_FORMAT_CSV : v1::EXPORT_FORMAT_JSON);
  v1::ExportIncidentResponse response;
  const grpc::Status status =
      Call(options.client, Incidents(options).get(), &Stub::ExportIncident, request, &response);
  if (!status.ok()) return Report(status, options.client);
  // A foreign daemon's file name is not trusted with a path.
  std::string file = options.file.empty() ? response.file_name() : options.file;
  if (options.file.empty() && (file.empty() || file.find('/') != file.npos || file[0] == '.')) {
    file = "incident." + options.format;
  }
  return WriteOwnFile(file, response.content());
}

Command AddOne(Command parent, const char* name, const char* description,
               const std::shared_ptr<ReviewOptions>& options, int (*run)(const ReviewOptions&)) {
  Command command = parent.Add(name, description);
  AddClientOptions(command, &options->client);
  command.AddOption("id", &options->id, "Incident id, or an unambiguous prefix of it").Required();
  command.OnRun([options, run] { return run(*options); });
  return command;
}

}  // namespace

void AddIncidentReview(Command incidents) {
  const auto options = std::make_shared<ReviewOptions>();
  Command replay =
      AddOne(incidents, "replay", "Recompute its verdicts, optionally under other settings",
             options, Replay);
  // As from an unset shell variable: an empty question is not what was meant.
  const auto given = [](const std::string& value) {
    return value.empty() ? std::string("must not be empty") : std::string();
  };
  replay
      .AddOption("--budget", &options->budget,
                 "Recompute with this alarm budget, for example \"1 per 7d\"")
      .Check(given);
  replay.AddOption("--config", &options->config, "Recompute with this configuration file")
      .Check(given);
  replay
      .AddOption("--reference", &options->reference,
                 "Recompute with the traffic of BEGIN..END as reference")
      .Check(given);
  Command file =
      AddOne(incidents, "export", "Write everything known about it to a file", options, Export);
  file.AddOption("--format", &options->format, "json, or csv for the verdicts over time")
      .OneOf({"json", "csv"})
      .ShowDefault();
  file.AddOption("--file", &options->file, "Output file; - for standard output");
}

}  // namespace faultline::cli
