#include <absl/strings/str_cat.h>

#include <filesystem>
#include <memory>
#include <string>
#include <system_error>

#include "daemon/cli/args/command_line.h"
#include "daemon/cli/commands/client_command.h"
#include "daemon/cli/commands/commands.h"
#include "daemon/cli/commands/model_lookup.h"
#include "daemon/cli/console/console.h"
#include "daemon/cli/console/outcome.h"
#include "daemon/client/client.h"
#include "daemon/client/messages.h"
#include "faultline/v1/admin.grpc.pb.h"
#include "storage/rocks/rocks_backup.h"

namespace faultline::cli {
namespace {

using Stub = v1::AdminService::Stub;

struct StateOptions {
  ClientOptions client;
  std::string folder;
  std::string target;
  std::string prediction_id;
  ModelChoice model;
};

std::unique_ptr<Stub> Admin(const StateOptions& options) {
  return v1::AdminService::NewStub(Connect(options.client));
}

int Answer(const StateOptions& options, const google::protobuf::Message& message,
           const std::string& text) {
  return Print(options.client.json() ? ToJson(message, true) : text) ? kExitOk : kExitFailed;
}

int Backup(const StateOptions& options) {
  std::error_code error;
  const std::string folder = std::filesystem::absolute(options.folder, error).string();
  v1::BackupStateRequest request;
  request.set_folder(error ? options.folder : folder);
  v1::BackupStateResponse response;
  const grpc::Status status =
      Call(options.client, Admin(options).get(), &Stub::BackupState, request, &response);
  if (!status.ok()) return Report(status, options.client);
  return Answer(options, response,
                absl::StrCat("Wrote ", ShortBytes(response.bytes()), " to ",
                             Printable(request.folder()), " on the daemon's machine.\n"));
}

int Restore(const StateOptions& options) {
  const absl::Status restored = RestoreBackup(options.folder, options.target);
  if (!restored.ok()) {
    return Complain(absl::StrCat("state restore: ", restored.message()),
                    absl::IsNotFound(restored) ? kExitNotFound : kExitFailed);
  }
  return Print(absl::StrCat("Restored ", Printable(options.folder), " into ",
                            Printable(options.target), ".\n"))
             ? kExitOk
             : kExitFailed;
}

int Erase(const StateOptions& options) {
  v1::EraseEventsRequest request;
  request.set_prediction_id(options.prediction_id);
  v1::EraseEventsResponse response;
  const grpc::Status status =
      Call(options.client, Admin(options).get(), &Stub::EraseEvents, request, &response);
  if (!status.ok()) return Report(status, options.client);
  const int answered =
      Answer(options, response,
             absl::StrCat("Erased ", Grouped(response.erased_rows()), " recorded events.\n"));
  return answered == kExitOk && response.erased_rows() == 0 ? kExitNotFound : answered;
}

int Digest(const StateOptions& options) {
  v1::DigestStateResponse response;
  const grpc::Status status = Call(options.client, Admin(options).get(), &Stub::DigestState,
                                   v1::DigestStateRequest(), &response);
  if (!status.ok()) return Report(status, options.client);
  return Answer(options, response, absl::StrCat(Printable(response.digest()), "\n"));
}

Command AddOne(Command parent, const char* name, const char* description,
               const std::shared_ptr<StateOptions>& options, int (*run)(const StateOptions&)) {
  Command command = parent.Add(name, description);
  command.OnRun([options, run] { return run(*options); });
  return command;
}

}  // namespace

void AddState(Command root) {
  Command state = root.Add("state", "Back up, restore, and inspect the stored state");
  state.RequireCommand();
  const auto options = std::make_shared<StateOptions>();
  Command backup = AddOne(state, "backup", "Copy the state of the running daemon", options, Backup);
  AddClientOptions(backup, &options->client);
  backup.AddOption("folder", &options->folder, "New folder on the daemon's machine").Required();
  Command restore =
      AddOne(state, "restore", "Create a data folder from a backup; the daemon must be stopped",
             options, Restore);
  restore.AddOption("from", &options->folder, "Folder of the backup").Required();
  restore.AddOption("to", &options->target, "New data folder; must not exist").Required();
  Command delete_model =
      AddOne(state, "delete-model", "Delete a model and all its data", options,
             [](const StateOptions& o) { return DeleteModel(o.client, o.model); });
  AddClientOptions(delete_model, &options->client);
  AddModelChoice(delete_model, &options->model);
  Command erase =
      AddOne(state, "erase", "Delete the recorded events of a prediction id", options, Erase);
  AddClientOptions(erase, &options->client);
  erase.AddOption("id", &options->prediction_id, "Prediction id").Required();
  Command digest = AddOne(
      state, "digest", "Print a digest of the stored state, to compare two runs", options, Digest);
  AddClientOptions(digest, &options->client);
}

}  // namespace faultline::cli
