#include <absl/strings/str_cat.h>

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/codec.h"
#include "daemon/core/incident/incident_book.h"
#include "daemon/core/settings/limits.h"
#include "daemon/edge/review/answer.h"
#include "daemon/edge/review/model_answers.h"
#include "daemon/edge/review/page_token.h"
#include "daemon/edge/review/services.h"
#include "faultline/v1/model.grpc.pb.h"

namespace faultline::review {
namespace {

constexpr uint32_t kPageSize = 100;
constexpr uint32_t kPageSizeMax = 1'000;
constexpr size_t kNoteBytesMax = 1'024;
// Seconds since 1970 that nanoseconds can hold.
constexpr int64_t kSecondsMax = kEventTimeMaxNs / 1'000'000'000;

absl::Status NotFound(std::string_view name, std::string_view version) {
  return absl::NotFoundError(absl::StrCat("there is no model ", NameModel(name, version)));
}

absl::Status CheckSignals(const v1::Model& model, uint32_t signals_max) {
  if (static_cast<uint32_t>(model.signals_size()) > signals_max) {
    return absl::InvalidArgumentError(absl::StrCat("model.signals: has ", model.signals_size(),
                                                   " signals, limits.signals_per_model is ",
                                                   signals_max));
  }
  std::set<std::string> names;
  for (const v1::Signal& signal : model.signals()) {
    absl::Status valid = CheckText("model.signals.name", signal.name(), 1, kNameBytesMax);
    if (!valid.ok()) return valid;
    if (!names.insert(signal.name()).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("model.signals: ", NameModel(signal.name(), ""), " is a duplicate"));
    }
    if (!v1::SignalType_IsValid(signal.type()) || signal.type() == v1::SIGNAL_TYPE_UNSPECIFIED ||
        !v1::ColumnRole_IsValid(signal.role())) {
      return absl::InvalidArgumentError(
          absl::StrCat("model.signals: ", NameModel(signal.name(), ""), " has no type or role"));
    }
  }
  return absl::OkStatus();
}

class ModelService final : public v1::ModelService::Service {
 public:
  explicit ModelService(const ReviewParts& parts) : pipeline_(parts.pipeline) {}

  grpc::Status ListModels(grpc::ServerContext*, const v1::ListModelsRequest* request,
                          v1::ListModelsResponse* response) override {
    return ToGrpcStatus(List(*request, response));
  }

  grpc::Status GetModel(grpc::ServerContext*, const v1::GetModelRequest* request,
                        v1::GetModelResponse* response) override {
    const auto snapshot = pipeline_->ReadModel(request->name(), request->version());
    if (snapshot == nullptr) return ToGrpcStatus(NotFound(request->name(), request->version()));
    *response->mutable_model() = ToModel(*snapshot, true, WallNowNs());
    return grpc::Status::OK;
  }

  grpc::Status CreateModel(grpc::ServerContext* context, const v1::CreateModelRequest* request,
                           v1::CreateModelResponse* response) override {
    const v1::Model& asked = request->model();
    absl::Status valid = CheckModel("model.name", asked.name(), asked.version());
    if (valid.ok()) valid = CheckSignals(asked, pipeline_->settings()->limits.signals_per_model);
    if (!valid.ok()) return ToGrpcStatus(valid);
    v1::Model model;
    model.set_name(asked.name());
    model.set_version(asked.version());
    *model.mutable_signals() = asked.signals();
    CommandResult result = RunCommand(pipeline_, context, asked.name(), request->actor(),
                                      faultline::CreateModel{.model = std::move(model)});
    if (result.status.ok()) *response->mutable_model() = std::move(result.model);
    return ToGrpcStatus(result.status);
  }

  grpc::Status DeleteModel(grpc::ServerContext* context, const v1::DeleteModelRequest* request,
                           v1::DeleteModelResponse*) override {
    const absl::Status valid = CheckModel("name", request->name(), request->version());
    if (!valid.ok()) return ToGrpcStatus(valid);
    return Run(context, request->name(), request->actor(),
               faultline::DeleteModel{.name = request->name(), .version = request->version()});
  }

  grpc::Status GetModelStatus(grpc::ServerContext*, const v1::GetModelStatusRequest* request,
                              v1::GetModelStatusResponse* response) override {
    const auto snapshot = pipeline_->ReadModel(request->name(), request->version());
    if (snapshot == nullptr) return ToGrpcStatus(NotFound(request->name(), request->version()));
    const int64_t now_ns = WallNowNs();
    *response->mutable_model() = ToModel(*snapshot, false, now_ns);
    response->set_summary(Summarise(*snapshot, now_ns));
    FillBudget(*snapshot, response);
    if (snapshot->signals == nullptr) return grpc::Status::OK;
    for (const SignalReading& signal : snapshot->signals->signals) {
      *response->add_signals() = ToSignalStatus(signal);
    }
    return grpc::Status::OK;
  }

  grpc::Status RecordDeploy(grpc::ServerContext* context, const v1::RecordDeployRequest* request,
                            v1::RecordDeployResponse*) override {
    absl::Status valid = CheckModel("name", request->name(), request->version());
    if (valid.ok()) valid = CheckText("note", request->note(), 0, kNoteBytesMax, true);
    if (!valid.ok()) return ToGrpcStatus(valid);
    return Run(
        context, request->name(), request->actor(),
        faultline::RecordDeploy{
            .name = request->name(), .version = request->version(), .note = request->note()});
  }

  grpc::Status SilenceModel(grpc::ServerContext* context, const v1::SilenceModelRequest* request,
                            v1::SilenceModelResponse*) override {
    absl::Status valid = CheckModel("name", request->name(), "");
    if (valid.ok()) valid = CheckText("reason", request->reason(), 0, kNoteBytesMax, true);
    const google::protobuf::Timestamp& until = request->until();
    if (valid.ok() &&
        (until.seconds() > kSecondsMax || until.nanos() < 0 || until.nanos() > 999'999'999)) {
      valid = absl::InvalidArgumentError("until: must be a time before the year 2100");
    }
    if (!valid.ok()) return ToGrpcStatus(valid);
    const int64_t until_ns = std::max<int64_t>(until.seconds(), 0) * 1'000'000'000 + until.nanos();
    return Run(context, request->name(), request->actor(),
               faultline::SilenceModel{
                   .name = request->name(), .until_ns = until_ns, .reason = request->reason()});
  }

 private:
  grpc::Status Run(grpc::ServerContext* context, const std::string& model,
                   const std::string& claimed, CommandAction action) {
    return ToGrpcStatus(RunCommand(pipeline_, context, model, claimed, std::move(action)).status);
  }

  absl::Status List(const v1::ListModelsRequest& request, v1::ListModelsResponse* response) {
    uint32_t page_size = request.page_size();
    absl::Status valid = CheckPageSize(&page_size, kPageSize, kPageSizeMax);
    if (!valid.ok()) return valid;
    std::pair<std::string, std::string> after;
    if (!request.page_token().empty()) {
      const absl::StatusOr<std::string> position =
          ReadToken(TokenKind::kModels, "", request.page_token(), "page_token");
      if (!position.ok()) return position.status();
      Decoder decoder(*position);
      after.first = decoder.String();
      after.second = decoder.String();
      if (!decoder.Done())
        return absl::InvalidArgumentError("page_token: is damaged; start without it");
    }
    const int64_t now_ns = WallNowNs();
    for (const auto& snapshot : pipeline_->Read().models) {
      const auto key = std::pair(snapshot->name, snapshot->version);
      if (!request.page_token().empty() && key <= after) continue;
      if (static_cast<uint32_t>(response->models_size()) == page_size) {
        const v1::Model& last = response->models(response->models_size() - 1);
        std::string position;
        Encoder encoder(&position);
        encoder.String(last.name());
        encoder.String(last.version());
        response->set_next_page_token(MakeToken(TokenKind::kModels, "", position));
        break;
      }
      *response->add_models() = ToModel(*snapshot, false, now_ns);
    }
    return absl::OkStatus();
  }

  Pipeline* const pipeline_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeModelService(const ReviewParts& parts) {
  return std::make_unique<ModelService>(parts);
}

}  // namespace faultline::review
