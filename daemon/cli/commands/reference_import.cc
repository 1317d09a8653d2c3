#include "daemon/cli/commands/reference_import.h"

#include <grpcpp/client_context.h>

#include <algorithm>
#include <boost/json.hpp>
#include <utility>

#include "base/escape.h"
#include "daemon/cli/args/command_line.h"
#include "daemon/cli/args/table_flags.h"
#include "daemon/cli/args/table_report.h"
#include "daemon/cli/commands/client_command.h"
#include "daemon/cli/commands/commands.h"
#include "daemon/cli/console/console.h"
#include "daemon/cli/console/outcome.h"
#include "daemon/cli/console/progress.h"
#include "daemon/client/client.h"
#include "faultline/v1/reference.grpc.pb.h"

namespace faultline::cli {
namespace {

struct Flags {
  ClientOptions client;
  TableFlags table;
};

int Run(const Flags& flags) {
  const absl::StatusOr<TableOptions> options = ToTableOptions(flags.table);
  if (!options.ok()) return Complain(options.status(), kExitUsage);
  absl::StatusOr<std::unique_ptr<TableReader>> table = TableReader::Open(*options);
  if (!table.ok()) return Complain(table.status(), kExitFailed);
  Progress progress("reference of " + Printable(options->model), flags.client.json());
  grpc::ClientContext context;
  const absl::StatusOr<v1::Reference> reference = ImportReference(
      Connect(flags.client), options->model, options->version, UINT64_MAX, table->get(),
      [&](uint64_t rows) { progress.Update(rows, (*table)->progress()); }, &context);
  progress.Finish();
  if (!reference.ok()) return Report(reference.status(), flags.client);
  const TableCounts& counts = (*table)->counts();
  if (flags.client.json()) {
    boost::json::object out;
    out["model"] = options->model;
    out["version"] = options->version;
    out["reference_version"] = reference->version();
    out["reference_rows"] = reference->rows();
    out["signals"] = reference->signals();
    AddTableJson(**table, &out);
    Print(SafeJson(boost::json::serialize(out)) + "\n");
  } else {
    Print("imported " + Grouped(reference->rows()) + " rows with " + Grouped(reference->signals()) +
          " signals as reference " + std::to_string(reference->version()) + " of " +
          Printable(options->model) +
          (options->version.empty() ? "" : " " + Printable(options->version)) + "\n" +
          TableText(**table));
  }
  return counts.accepted > 0 ? kExitOk : kExitFailed;
}

}  // namespace

absl::StatusOr<v1::Reference> ImportReference(const std::shared_ptr<grpc::Channel>& channel,
                                              const std::string& model, const std::string& version,
                                              uint64_t rows_max, TableReader* table,
                                              const std::function<void(uint64_t)>& progress,
                                              grpc::ClientContext* context) {
  const auto stub = v1::ReferenceService::NewStub(channel);
  v1::ImportReferenceResponse response;
  const auto writer = stub->ImportReference(context, &response);
  v1::ImportReferenceRequest request;
  request.mutable_header()->set_model(model);
  request.mutable_header()->set_version(version);
  request.mutable_header()->set_actor(Actor());
  bool open = writer->Write(request);
  uint64_t sent = 0;
  absl::Status read;
  while (open && sent < rows_max) {
    BatchLimits limits;
    limits.rows = static_cast<uint32_t>(std::min<uint64_t>(limits.rows, rows_max - sent));
    TableBatch batch;
    read = table->Read(limits, &batch);
    if (batch.batch.rows() == 0) break;
    sent += batch.batch.rows();
    *request.mutable_rows() = std::move(batch.batch);
    open = writer->Write(request);
    progress(sent);
  }
  if (open && read.ok() && sent == 0) {
    read = absl::InvalidArgumentError("the table has no rows; a reference needs some");
  }
  if (!read.ok()) {
    context->TryCancel();
    writer->Finish();
    return read;
  }
  if (open) writer->WritesDone();
  const grpc::Status status = writer->Finish();
  if (!status.ok()) {
    return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  }
  return response.reference();
}

void AddReference(Command root) {
  Command reference = root.Add("reference", "Import, list, promote, and roll back references");
  reference.RequireCommand();
  Command import = reference.Add("import", "Import a table as the reference of a model");
  auto flags = std::make_shared<Flags>();
  AddTableFlags(import, &flags->table);
  AddClientOptions(import, &flags->client);
  import.OnRun([flags] { return Run(*flags);
});
AddReferenceDecisions(reference);
}  // namespace faultline::cli

}  // namespace faultline::cli
