#include "daemon/cli/commands/model_lookup.h"

#include <absl/strings/str_cat.h>

#include <vector>

#include "daemon/cli/args/command_line.h"
#include "daemon/cli/console/console.h"

namespace faultline::cli {

void AddModelChoice(Command app, ModelChoice* choice) {
  app.AddOption("name", &choice->name, "Model name").Required();
  app.AddOption("version", &choice->version, "Model version; optional if there is only one");
}

grpc::Status ListAllModels(const ClientOptions& options, v1::ModelService::Stub* stub,
                           v1::ListModelsResponse* models) {
  v1::ListModelsRequest request;
  request.set_page_size(1'000);
  while (true) {
    v1::ListModelsResponse page;
    const grpc::Status status =
        Call(options, stub, &v1::ModelService::Stub::ListModels, request, &page);
    if (!status.ok()) return status;
    for (v1::Model& model : *page.mutable_models()) *models->add_models() = std::move(model);
    if (page.next_page_token().empty()) return grpc::Status::OK;
    request.set_page_token(page.next_page_token());
  }
}

grpc::Status FindVersion(const ClientOptions& options, v1::ModelService::Stub* stub,
                         ModelChoice* choice) {
  if (choice->version.has_value()) return grpc::Status::OK;
  v1::ListModelsResponse models;
  grpc::Status status = ListAllModels(options, stub, &models);
  if (!status.ok()) return status;
  std::vector<std::string> versions;
  for (const v1::Model& model : models.models()) {
    if (model.name() == choice->name) versions.push_back(model.version());
  }
  if (versions.empty()) {
    return {grpc::StatusCode::NOT_FOUND,
            "there is no model '" + Printable(choice->name) + "'; see 'faultline models list'"};
  }
  if (versions.size() > 1) {
    std::string names;
    for (const std::string& version : versions) {
      absl::StrAppend(&names, names.empty() ? "" : ", ", "'", Printable(version), "'");
    }
    return {grpc::StatusCode::FAILED_PRECONDITION,
            absl::StrCat("model '", Printable(choice->name), "' has versions ", names,
                         "; name one of them")};
  }
  choice->version = versions[0];
  return grpc::Status::OK;
}

}  // namespace faultline::cli
