#include <absl/strings/str_cat.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "daemon/cli/args/command_line.h"
#include "daemon/cli/commands/client_command.h"
#include "daemon/cli/commands/commands.h"
#include "daemon/cli/commands/model_lookup.h"
#include "daemon/cli/console/console.h"
#include "daemon/cli/console/incident_text.h"
#include "daemon/cli/console/model_text.h"
#include "daemon/cli/console/outcome.h"
#include "daemon/client/client.h"
#include "daemon/client/messages.h"
#include "daemon/core/settings/settings.h"
#include "faultline/v1/model.grpc.pb.h"
#include "faultline/v1/reference.grpc.pb.h"

namespace faultline::cli {
namespace {

using Stub = v1::ModelService::Stub;

struct ModelsOptions {
  ClientOptions client;
  ModelChoice model;
  std::vector<std::string> signals;  // create: name:type[:role]
  std::string note;                  // deploy
  std::string duration;              // silence
  bool off = false;                  // silence
  std::string actor = Actor();
  std::string reason;
};

std::unique_ptr<Stub> Models(const ModelsOptions& options) {
  return v1::ModelService::NewStub(Connect(options.client));
}

// Prints the answer: the message for programs, else the text.
int Answer(const ModelsOptions& options, const google::protobuf::Message& message,
           const std::string& text) {
  return Print(options.client.json() ? ToJson(message, true) : text) ? kExitOk : kExitFailed;
}

std::string Quoted(const ModelChoice& model) {
  return absl::StrCat("'", ModelText(model.name, model.version.value_or("")), "'");
}

int List(const ModelsOptions& options) {
  v1::ListModelsResponse models;
  const grpc::Status status = ListAllModels(options.client, Models(options).get(), &models);
  if (!status.ok()) return Report(status, options.client);
  return Answer(options, models, ModelsText(models, TerminalStyle()));
}

int Show(ModelsOptions options) {
  const auto channel = Connect(options.client);
  const auto models = v1::ModelService::NewStub(channel);
  grpc::Status status = FindVersion(options.client, models.get(), &options.model);
  if (!status.ok()) return Report(status, options.client);
  v1::GetModelRequest request;
  request.set_name(options.model.name);
  request.set_version(*options.model.version);
  v1::GetModelResponse response;
  status = Call(options.client, models.get(), &Stub::GetModel, request, &response);
  if (!status.ok()) return Report(status, options.client);
  v1::ListReferencesRequest references_request;
  references_request.set_model(options.model.name);
  references_request.set_version(*options.model.version);
  v1::ListReferencesResponse references;
  const auto reference_stub = v1::ReferenceService::NewStub(channel);
  status = Call(options.client, reference_stub.get(), &v1::ReferenceService::Stub::ListReferences,
                references_request, &references);
  if (!status.ok()) return Report(status, options.client);
  return Answer(options, response, ModelText(response.model(), references, TerminalStyle()));
}

// "name:type" or "name:type:role"; the name may have colons in it.
bool ParseSignal(const std::string& text, v1::Signal* signal) {
  std::vector<std::string> words;
  std::string rest = text;
  while (words.size() < 2) {
    const size_t colon = rest.rfind(':');
    if (colon == std::string::npos) return false;
    words.push_back(rest.substr(colon + 1));
    rest.resize(colon);
    std::string type = words.back();
    for (int value = v1::SIGNAL_TYPE_NUMERIC; value <= v1::SIGNAL_TYPE_EMBEDDING; ++value) {
      const auto candidate = static_cast<v1::SignalType>(value);
      if (type == EnumWords(v1::SignalType_Name(candidate), "SIGNAL_TYPE_")) {
        signal->set_type(candidate);
      }
    }
    if (signal->type() != v1::SIGNAL_TYPE_UNSPECIFIED) break;
  }
  signal->set_name(rest);
  if (rest.empty() || signal->type() == v1::SIGNAL_TYPE_UNSPECIFIED) return false;
  if (words.size() == 1) return true;
  for (int value = v1::ColumnRole_MIN; value <= v1::ColumnRole_MAX; ++value) {
    const auto role = static_cast<v1::ColumnRole>(value);
    std::string word = EnumWords(v1::ColumnRole_Name(role), "COLUMN_ROLE_");
    for (char& c : word) c = c == ' ' ? '_' : c;
    if (words[0] == word) signal->set_role(role);
  }
  return signal->role() != v1::COLUMN_ROLE_UNSPECIFIED;
}

int Create(const ModelsOptions& options) {
  v1::CreateModelRequest request;
  request.set_actor(options.actor);
  v1::Model* model = request.mutable_model();
  model->set_name(options.model.name);
  model->set_version(options.model.version.value_or(""));
  for (const std::string& text : options.signals) {
    if (ParseSignal(text, model->add_signals())) continue;
    return Complain("--signal " + text +
                        ": expected name:type or name:type:role, with type numeric, categorical or "
                        "embedding, and role feature, prediction, prediction_score, latency, "
                        "status or tag",
                    kExitUsage);
  }
  v1::CreateModelResponse response;
  const grpc::Status status =
      Call(options.client, Models(options).get(), &Stub::CreateModel, request, &response);
  if (!status.ok()) return Report(status, options.client);
  return Answer(options, response, "Created model " + Quoted(options.model) + ".\n");
}

int Deploy(const ModelsOptions& options) {
  v1::RecordDeployRequest request;
  request.set_name(options.model.name);
  request.set_version(options.model.version.value_or(""));
  request.set_note(options.note);
  request.set_actor(options.actor);
  v1::RecordDeployResponse response;
  const grpc::Status status =
      Call(options.client, Models(options).get(), &Stub::RecordDeploy, request, &response);
  if (!status.ok()) return Report(status, options.client);
  return Answer(options, response, "Marked the deployment of " + Quoted(options.model) + ".\n");
}

int Silence(const ModelsOptions& options) {
  if (options.off == !options.duration.empty()) {
    return Complain("models silence: give either --for 2h or --off", kExitUsage);
  }
  v1::SilenceModelRequest request;
  request.set_name(options.model.name);
  request.set_actor(options.actor);
  request.set_reason(options.reason);
  int64_t until_ns = 0;
  if (!options.off) {
    const absl::StatusOr<int64_t> duration = ParseDuration(options.duration);
    constexpr int64_t kDurationMax = int64_t{366} * 86'400 * 1'000'000'000;
    if (!duration.ok() || *duration <= 0 || *duration > kDurationMax) {
      return Complain(
          "--for " + options.duration + ": expected a duration such as 30m, 2h or 7d, at most 366d",
          kExitUsage);
    }
    until_ns = WallNowNs() + *duration;
    request.mutable_until()->set_seconds(until_ns / 1'000'000'000);
    request.mutable_until()->set_nanos(static_cast<int32_t>(until_ns % 1'000'000'000));
  }
  v1::SilenceModelResponse response;
  const grpc::Status status =
      Call(options.client, Models(options).get(), &Stub::SilenceModel, request, &response);
  if (!status.ok()) return Report(status, options.client);
  const std::string name = "'" + Printable(options.model.name) + "'";
  return Answer(
      options, response,
      options.off ? "Alerts of " + name + " are no longer silenced.\n"
                  : "Alerts of " + name + " open no incident until " + TimeText(until_ns) + ".\n");
}

Command AddOne(Command parent, const char* name, const char* description,
               const std::shared_ptr<ModelsOptions>& options, int (*run)(const ModelsOptions&)) {
  Command command = parent.Add(name, description);
  AddClientOptions(command, &options->client);
  command.OnRun([options, run] { return run(*options); });
  return command;
}

}  // namespace

int DeleteModel(const ClientOptions& client, ModelChoice model) {
  const auto models = v1::ModelService::NewStub(Connect(client));
  grpc::Status status = FindVersion(client, models.get(), &model);
  if (!status.ok()) return Report(status, client);
  v1::DeleteModelRequest request;
  request.set_name(model.name);
  request.set_version(*model.version);
  request.set_actor(Actor());
  v1::DeleteModelResponse response;
  status = Call(client, models.get(), &Stub::DeleteModel, request, &response);
  if (!status.ok()) return Report(status, client);
  const std::string text = "Forgot model " + Quoted(model) + ".\n";
  return Print(client.json() ? ToJson(response, true) : text) ? kExitOk : kExitFailed;
}

void AddModels(Command root) {
  Command models = root.Add("models", "Manage models and their signals");
  models.RequireCommand();
  const auto options = std::make_shared<ModelsOptions>();
  AddOne(models, "list", "List all models", options, List);
  AddModelChoice(AddOne(models, "show", "Show signals and references of a model", options,
                        [](const ModelsOptions& o) { return Show(o); }),
                 &options->model);
  Command create =
      AddOne(models, "create", "Register a model before its first events", options, Create);
  AddModelChoice(create, &options->model);
  create.AddOption("--signal", &options->signals,
                   "name:type[:role], once per signal; type numeric, categorical or embedding");
  AddModelChoice(AddOne(models, "delete", "Delete a model and all its data", options,
                        [](const ModelsOptions& o) { return DeleteModel(o.client, o.model); }),
                 &options->model);
  Command deploy =
      AddOne(models, "deploy", "Record a deployment on the model's timeline", options, Deploy);
  AddModelChoice(deploy, &options->model);
  deploy.AddOption("--note", &options->note, "Comment");
  for (Command command : {create, deploy}) {
    command.AddOption("--actor", &options->actor, "Your name, kept with the decision")
        .ShowDefault();
  }
  Command silence =
      AddOne(models, "silence", "Silence a model: its alerts open no incident", options, Silence);
  silence.AddOption("name", &options->model.name, "Model name; applies to all versions").Required();
  silence.AddOption("--for", &options->duration, "Duration such as 30m, 2h, 7d");
  silence.AddFlag("--off", &options->off, "End the silence now");
  silence.AddOption("--actor", &options->actor, "Your name, kept with the decision").ShowDefault();
  silence.AddOption("--reason", &options->reason, "Why");
}

}  // namespace faultline::cli
