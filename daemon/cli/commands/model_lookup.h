#pragma once

#include <grpcpp/support/status.h>

#include <memory>
#include <optional>
#include <string>

#include "daemon/cli/args/command_line.h"
#include "daemon/client/client.h"
#include "faultline/v1/model.grpc.pb.h"

namespace faultline::cli {

// A model named on the command line.
struct ModelChoice {
  std::string name;
  std::optional<std::string> version;  // not given: the only one there is
};

// Adds "NAME [VERSION]" to a command.
void AddModelChoice(Command app, ModelChoice* choice);

// All pages.
grpc::Status ListAllModels(const ClientOptions& options, v1::ModelService::Stub* stub,
                           v1::ListModelsResponse* models);

// Fills in the version. NOT_FOUND without such a model, FAILED_PRECONDITION naming its
// versions if it has more than one.
grpc::Status FindVersion(const ClientOptions& options, v1::ModelService::Stub* stub,
                         ModelChoice* choice);

// Deletes a model, prints that it did, and returns the exit code.
int DeleteModel(const ClientOptions& client, ModelChoice model);

}  // namespace faultline::cli
