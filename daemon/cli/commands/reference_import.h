#pragma once

#include <absl/status/statusor.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "daemon/cli/args/command_line.h"
#include "daemon/client/tables/table_reader.h"
#include "faultline/v1/reference.pb.h"

namespace faultline::cli {

// Imports the next rows of a table, at most `rows_max`, as the reference of its model, and waits
// until it is in use. `progress` is called after each batch with the number of rows sent. A
// failed import changes nothing. Cancelling the context, from any thread, ends it. INVALID_ARGUMENT
// if there are no rows.
absl::StatusOr<v1::Reference> ImportReference(const std::shared_ptr<grpc::Channel>& channel,
                                              const std::string& model, const std::string& version,
                                              uint64_t rows_max, TableReader* table,
                                              const std::function<void(uint64_t)>& progress,
                                              grpc::ClientContext* context);

// The commands "list", "promote" and "rollback" of "reference".
void AddReferenceDecisions(Command reference);

}  // namespace faultline::cli
