#include <absl/strings/str_cat.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "daemon/core/incident/incident_book.h"
#include "daemon/core/settings/limits.h"
#include "daemon/edge/decode/decode.h"
#include "daemon/edge/review/answer.h"
#include "daemon/edge/review/services.h"
#include "faultline/v1/reference.grpc.pb.h"

namespace faultline::review {
namespace {

constexpr uint32_t kImportsMax = 8;

// The number of imports, and the bytes they hold together.
struct ImportBudget {
  std::atomic<uint64_t> bytes = 0;
  std::atomic<uint32_t> imports = 0;
};

// Collects the rows of one import; its destructor returns its share of the budget.
class Import {
 public:
  Import(ImportBudget* budget, uint64_t bytes_max) : budget_(budget), bytes_max_(bytes_max) {
    ++budget_->imports;
  }
  ~Import() {
    budget_->bytes -= bytes_;
    --budget_->imports;
  }
  Import(const Import&) = delete;
  Import& operator=(const Import&) = delete;

  bool TooMany() const { return budget_->imports > kImportsMax; }

  absl::Status Start(const v1::ImportReferenceHeader& header) {
    model_ = header.model();
    version_ = header.version();
    actor_ = header.actor();
    absl::Status valid = CheckModel("header.model", model_, version_);
    if (valid.ok()) valid = CheckText("header.actor", actor_, 0, kActorBytesMax);
    return valid;
  }

  absl::Status Add(v1::InferenceBatch* message) {
    ++messages_;
    message->set_model(model_);
    message->set_version(version_);
    message->clear_prediction_ids();
    message->clear_event_times_unix_nano();
    message->clear_tags();
    Refusal refusal;
    std::unique_ptr<EventBatch> batch = DecodeBatch(
        message, {.received_ns = WallNowNs(), .bytes_max = bytes_max_, .source = Source::kGrpc},
        &refusal);
    if (batch == nullptr) return Refuse(refusal.message);
    if (batch->rows == 0) return absl::OkStatus();
    absl::Status fits = MatchColumns(batch.get());
    if (!fits.ok()) return fits;
    const uint64_t batch_bytes = BatchBytes(*batch);
    bytes_ += batch_bytes;
    if (budget_->bytes.fetch_add(batch_bytes) + batch_bytes > bytes_max_) {
      return absl::ResourceExhaustedError(
          absl::StrCat("the reference does not fit limits.reference (", bytes_max_,
                       " bytes) after ", rows_ + batch->rows,
                       " rows; a random sample of 100000 rows is as good, or raise the "
                       "limit"));
    }
    rows_ += batch->rows;
    batches_.push_back(std::move(batch));
    return absl::OkStatus();
  }

  absl::Status Finish(InstallReference* install) {
    if (model_.empty()) return absl::InvalidArgumentError("the first message must be a header");
    if (batches_.empty()) return absl::InvalidArgumentError("the import has no rows");
    install->name = model_;
    install->version = version_;
    install->rows = std::move(batches_);
    return absl::OkStatus();
  }

  const std::string& model() const { return model_; }
  const std::string& actor() const { return actor_; }

 private:
  absl::Status Refuse(const std::string& why) const {
    return absl::InvalidArgumentError(absl::StrCat("rows message ", messages_, ": ", why));
  }

  // Puts the columns into the order of the first batch.
  absl::Status MatchColumns(EventBatch* batch) {
    if (batches_.empty()) return absl::OkStatus();
    const std::vector<Column>& first = batches_.front()->columns;
    if (batch->columns.size() != first.size()) {
      return Refuse(absl::StrCat("has ", batch->columns.size(), " columns, the first one had ",
                                 first.size()));
    }
    for (size_t i = 0; i < first.size(); ++i) {
      const auto found =
          std::find_if(batch->columns.begin() + static_cast<ptrdiff_t>(i), batch->columns.end(),
                       [&](const Column& column) { return column.name == first[i].name; });
      if (found == batch->columns.end()) {
        return Refuse("has no column " + NameModel(first[i].name, ""));
      }
      if (found->type != first[i].type || found->dimension != first[i].dimension) {
        return Refuse("column " + NameModel(first[i].name, "") + " has another type than before");
      }
      std::swap(*found, batch->columns[i]);
    }
    return absl::OkStatus();
  }

  ImportBudget* const budget_;
  const uint64_t bytes_max_;
  std::string model_;
  std::string version_;
  std::string actor_;
  std::vector<std::unique_ptr<EventBatch>> batches_;
  uint64_t bytes_ = 0;
  uint64_t rows_ = 0;
  uint64_t messages_ = 0;
};

class ReferenceService final : public v1::ReferenceService::Service {
 public:
  explicit ReferenceService(const ReviewParts& parts) : pipeline_(parts.pipeline) {}

  grpc::Status ImportReference(grpc::ServerContext* context,
                               grpc::ServerReader<v1::ImportReferenceRequest>* reader,
                               v1::ImportReferenceResponse* response) override {
    Import import(&budget_, pipeline_->settings()->limits.reference_bytes);
    if (import.TooMany()) {
      return {grpc::StatusCode::RESOURCE_EXHAUSTED,
              absl::StrCat(kImportsMax, " imports are running already; try again later")};
    }
    InstallReference install;
    absl::Status status = Read(reader, &import);
    if (status.ok() && BrokeOff(context)) {
      status = absl::CancelledError("the import was interrupted; nothing has changed");
    }
    if (status.ok()) status = import.Finish(&install);
    if (!status.ok()) return ToGrpcStatus(status);
    CommandResult result =
        RunCommand(pipeline_, context, import.model(), import.actor(), std::move(install));
    if (result.status.ok()) *response->mutable_reference() = std::move(result.reference);
    return ToGrpcStatus(result.status);
  }

  grpc::Status ListReferences(grpc::ServerContext*, const v1::ListReferencesRequest* request,
                              v1::ListReferencesResponse* response) override {
    const auto snapshot = pipeline_->ReadModel(request->model(), request->version());
    if (snapshot == nullptr) {
      return ToGrpcStatus(absl::NotFoundError("there is no model " +
                                              NameModel(request->model(), request->version())));
    }
    if (snapshot->signals == nullptr) return grpc::Status::OK;
    for (const v1::Reference& reference : snapshot->signals->references) {
      *response->add_references() = reference;
    }
    *response->mutable_rolling() = snapshot->signals->rolling;
    return grpc::Status::OK;
  }

  grpc::Status RelearnReference(grpc::ServerContext* context,
                                const v1::RelearnReferenceRequest* request,
                                v1::RelearnReferenceResponse*) override {
    const absl::Status valid = CheckModel("model", request->model(), request->version());
    if (!valid.ok()) return ToGrpcStatus(valid);
    return ToGrpcStatus(RunCommand(pipeline_, context, request->model(), request->actor(),
                                   faultline::RelearnReference{.name = request->model(),
                                                               .version = request->version()})
                            .status);
  }

  grpc::Status PromoteReference(grpc::ServerContext* context,
                                const v1::PromoteReferenceRequest* request,
                                v1::PromoteReferenceResponse* response) override {
    return Decide<faultline::PromoteReference>(context, *request, response);
  }

  grpc::Status RollbackReference(grpc::ServerContext* context,
                                 const v1::RollbackReferenceRequest* request,
                                 v1::RollbackReferenceResponse* response) override {
    return Decide<faultline::RollbackReference>(context, *request, response);
  }

 private:
  // A person's decision about the reference in use.
  template <typename Action, typename Request, typename Response>
  grpc::Status Decide(grpc::ServerContext* context, const Request& request, Response* response) {
    absl::Status valid = CheckModel("model", request.model(), request.version());
    if (valid.ok()) {
      valid = CheckText("comment", request.comment(), 0, kReferenceCommentBytesMax, true);
    }
    if (!valid.ok()) return ToGrpcStatus(valid);
    CommandResult result = RunCommand(
        pipeline_, context, request.model(), request.actor(),
        Action{
            .name = request.model(), .version = request.version(), .comment = request.comment()});
    if (result.status.ok()) *response->mutable_reference() = std::move(result.reference);
    return ToGrpcStatus(result.status);
  }

  // Read returns false both at the end of the stream and when it breaks off, and the cancellation
  // may show a moment later.
  static bool BrokeOff(grpc::ServerContext* context) {
    for (int i = 0; i < 10; ++i) {
      if (context->IsCancelled()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return context->IsCancelled();
  }

  static absl::Status Read(grpc::ServerReader<v1::ImportReferenceRequest>* reader, Import* import) {
    v1::ImportReferenceRequest request;
    bool first = true;
    while (reader->Read(&request)) {
      if (request.has_header() != first) {
        return absl::InvalidArgumentError(first ? "the first message must be a header"
                                                : "only the first message may be a header");
      }
      absl::Status status = absl::OkStatus();
      if (first) {
        status = import->Start(request.header());
      } else if (request.has_rows()) {
        status = import->Add(request.mutable_rows());
      }
      if (!status.ok()) return status;
      first = false;
    }
    return absl::OkStatus();
  }

  Pipeline* const pipeline_;
  ImportBudget budget_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeReferenceService(const ReviewParts& parts) {
  return std::make_unique<ReferenceService>(parts);
}

}  // namespace faultline::review
