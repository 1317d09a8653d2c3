#include <absl/strings/str_cat.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/codec.h"
#include "daemon/core/incident/incident_book.h"
#include "daemon/core/settings/limits.h"
#include "daemon/edge/review/answer.h"
#include "daemon/edge/review/evidence_calls.h"
#include "daemon/edge/review/incident_reader.h"
#include "daemon/edge/review/model_answers.h"
#include "daemon/edge/review/page_token.h"
#include "daemon/edge/review/services.h"
#include "faultline/v1/incident_service.grpc.pb.h"

namespace faultline::review {
namespace {

constexpr uint32_t kPageSize = 50;
constexpr uint32_t kPageSizeMax = 1'000;

absl::Status CheckFilterTexts(const v1::ListIncidentsRequest& request) {
  absl::Status valid = CheckText("model", request.model(), 0, kNameBytesMax);
  if (valid.ok()) valid = CheckText("version", request.version(), 0, kNameBytesMax);
  if (valid.ok()) valid = CheckText("signal", request.signal(), 0, kNameBytesMax);
  return valid;
}

// Leaves `ns` as it is if the time is not set.
absl::Status ReadTime(const char* field, bool set, const google::protobuf::Timestamp& time,
                      int64_t* ns) {
  if (!set) return absl::OkStatus();
  if (!IsTime(time)) {
    return absl::InvalidArgumentError(absl::StrCat(field, ": expected a time since 1970"));
  }
  *ns = time.seconds() * 1'000'000'000 + time.nanos();
  return absl::OkStatus();
}

absl::StatusOr<IncidentFilter> ReadFilter(const v1::ListIncidentsRequest& request) {
  absl::Status valid = CheckFilterTexts(request);
  IncidentFilter filter;
  filter.model = request.model();
  filter.signal = request.signal();
  if (request.has_version()) filter.version = request.version();
  if (valid.ok()) {
    valid = ReadTime("opened_from", request.has_opened_from(), request.opened_from(),
                     &filter.opened_from_ns);
  }
  if (valid.ok()) {
    valid = ReadTime("opened_before", request.has_opened_before(), request.opened_before(),
                     &filter.opened_before_ns);
  }
  if (!valid.ok()) return valid;
  if (!v1::Severity_IsValid(request.severity_min())) {
    return absl::InvalidArgumentError(
        absl::StrCat("severity_min: unknown severity ", static_cast<int>(request.severity_min())));
  }
  filter.severity_min = request.severity_min();
  for (const int mode : request.failure_modes()) {
    if (!v1::FailureMode_IsValid(mode)) {
      return absl::InvalidArgumentError(absl::StrCat("failure_modes: unknown failure mode ", mode));
    }
    filter.failure_modes.push_back(static_cast<v1::FailureMode>(mode));
  }
  for (const int state : request.states()) {
    if (!v1::IncidentState_IsValid(state) || state == v1::INCIDENT_STATE_UNSPECIFIED) {
      return absl::InvalidArgumentError(
          absl::StrCat("states: unknown state ", state, "; leave states empty for all"));
    }
    filter.states.push_back(static_cast<v1::IncidentState>(state));
  }
  std::sort(filter.states.begin(), filter.states.end());
  filter.states.erase(std::unique(filter.states.begin(), filter.states.end()), filter.states.end());
  return filter;
}

// What must be equal on all pages of a list.
std::string QueryOf(const IncidentFilter& filter) {
  std::string query;
  Encoder encoder(&query);
  encoder.String(filter.model);
  for (const v1::IncidentState state : filter.states) encoder.Varint(state);
  encoder.Fixed8(filter.version.has_value() ? 1 : 0);
  encoder.String(filter.version.value_or(""));
  encoder.Varint(filter.severity_min);
  encoder.Varint(filter.failure_modes.size());
  for (const v1::FailureMode mode : filter.failure_modes) encoder.Varint(mode);
  encoder.String(filter.signal);
  encoder.Signed(filter.opened_from_ns);
  encoder.Signed(filter.opened_before_ns);
  return query;
}

class IncidentService final : public v1::IncidentService::Service {
 public:
  explicit IncidentService(const ReviewParts& parts)
      : pipeline_(parts.pipeline),
        store_(parts.store),
        recorder_(parts.recorder),
        watch_hub_(parts.watch_hub) {}

  grpc::Status ListIncidents(grpc::ServerContext*, const v1::ListIncidentsRequest* request,
                             v1::ListIncidentsResponse* response) override {
    return ToGrpcStatus(List(*request, response));
  }

  grpc::Status GetIncident(grpc::ServerContext*, const v1::GetIncidentRequest* request,
                           v1::GetIncidentResponse* response) override {
    absl::StatusOr<FoundIncident> found = FindIncident(*store_, request->id());
    if (found.ok()) {
      Renew(&found->incident);
      *response->mutable_incident() = std::move(found->incident);
    }
    return ToGrpcStatus(found.status());
  }

  grpc::Status WatchIncidents(grpc::ServerContext* context,
                              const v1::WatchIncidentsRequest* request,
                              WatchHub::Writer* writer) override {
    return watch_hub_->Serve(context, *request, writer);
  }

  grpc::Status AcknowledgeIncident(grpc::ServerContext* context,
                                   const v1::AcknowledgeIncidentRequest* request,
                                   v1::AcknowledgeIncidentResponse* response) override {
    return Decide(context, *request, 0, faultline::AcknowledgeIncident{},
                  response->mutable_incident());
  }

  grpc::Status ResolveIncident(grpc::ServerContext* context,
                               const v1::ResolveIncidentRequest* request,
                               v1::ResolveIncidentResponse* response) override {
    return Decide(context, *request, 0, faultline::ResolveIncident{}, response->mutable_incident());
  }

  grpc::Status CommentIncident(grpc::ServerContext* context,
                               const v1::CommentIncidentRequest* request,
                               v1::CommentIncidentResponse* response) override {
    return Decide(context, *request, 1, faultline::CommentIncident{}, response->mutable_incident());
  }

  grpc::Status ReopenIncident(grpc::ServerContext* context,
                              const v1::ReopenIncidentRequest* request,
                              v1::ReopenIncidentResponse* response) override {
    return Decide(context, *request, 0, faultline::ReopenIncident{}, response->mutable_incident());
  }

  grpc::Status SuppressIncident(grpc::ServerContext* context,
                                const v1::SuppressIncidentRequest* request,
                                v1::SuppressIncidentResponse* response) override {
    faultline::SuppressIncident action;
    const absl::Status valid =
        ReadTime("until", request->has_until(), request->until(), &action.until_ns);
    if (!valid.ok()) return ToGrpcStatus(valid);
    return Decide(context, *request, 0, std::move(action), response->mutable_incident());
  }

  grpc::Status ListIncidentEvents(grpc::ServerContext*,
                                  const v1::ListIncidentEventsRequest* request,
                                  v1::ListIncidentEventsResponse* response) override {
    return ToGrpcStatus(review::ListIncidentEvents(*store_, *request, response));
  }

  grpc::Status GetEvidence(grpc::ServerContext*, const v1::GetEvidenceRequest* request,
                           v1::GetEvidenceResponse* response) override {
    return ToGrpcStatus(review::GetEvidence(*store_, recorder_, *request, response));
  }

  grpc::Status CompareDistributions(grpc::ServerContext*,
                                    const v1::CompareDistributionsRequest* request,
                                    v1::CompareDistributionsResponse* response) override {
    return ToGrpcStatus(review::CompareDistributions(*store_, *request, response));
  }

  grpc::Status QueryScores(grpc::ServerContext*, const v1::QueryScoresRequest* request,
                           v1::QueryScoresResponse* response) override {
    return ToGrpcStatus(review::QueryScores(*store_, *request, response));
  }

  grpc::Status ExportIncident(grpc::ServerContext*, const v1::ExportIncidentRequest* request,
                              v1::ExportIncidentResponse* response) override {
    return ToGrpcStatus(review::ExportIncident(*store_, recorder_, *request, response));
  }

  grpc::Status ReplayIncident(grpc::ServerContext*, const v1::ReplayIncidentRequest* request,
                              v1::ReplayIncidentResponse* response) override {
    return ToGrpcStatus(review::ReplayIncident(*store_, recorder_, *request, response));
  }

 private:
  void Renew(v1::Incident* incident) const {
    if (incident->state() == v1::INCIDENT_STATE_RESOLVED) return;
    const auto snapshot = pipeline_->ReadModel(incident->model(), incident->version());
    if (snapshot != nullptr) RenewVerdicts(*snapshot, incident);
  }

  absl::Status List(const v1::ListIncidentsRequest& request, v1::ListIncidentsResponse* response) {
    const absl::StatusOr<IncidentFilter> filter = ReadFilter(request);
    if (!filter.ok()) return filter.status();
    uint32_t page_size = request.page_size();
    absl::Status valid = CheckPageSize(&page_size, kPageSize, kPageSizeMax);
    if (!valid.ok()) return valid;
    const std::string query = QueryOf(*filter);
    uint64_t below = 0;
    if (!request.page_token().empty()) {
      const absl::StatusOr<std::string> position =
          ReadToken(TokenKind::kIncidents, query, request.page_token(), "page_token");
      if (!position.ok()) return position.status();
      Decoder decoder(*position);
      below = decoder.Fixed64();
      if (!decoder.Done() || below == 0)
        return absl::InvalidArgumentError("page_token: is damaged; start without it");
    }
    absl::StatusOr<IncidentPage> page = review::ListIncidents(*store_, *filter, below, page_size);
    if (!page.ok()) return page.status();
    for (v1::Incident& incident : page->incidents) {
      Renew(&incident);
      *response->add_incidents() = std::move(incident);
    }
    if (!page->complete) {
      std::string position;
      Encoder(&position).Fixed64(page->last_id);
      response->set_next_page_token(MakeToken(TokenKind::kIncidents, query, position));
    }
    return absl::OkStatus();
  }

  // A person's decision about one incident.
  template <typename Action, typename Request>
  grpc::Status Decide(grpc::ServerContext* context, const Request& request, size_t comment_min,
                      Action action, v1::Incident* incident) {
    const absl::Status valid =
        CheckText("comment", request.comment(), comment_min, kCommentBytesMax, true);
    if (!valid.ok()) return ToGrpcStatus(valid);
    const absl::StatusOr<FoundIncident> found = FindIncident(*store_, request.id());
    if (!found.ok()) return ToGrpcStatus(found.status());
    action.incident = found->id;
    action.comment = request.comment();
    CommandResult result =
        RunCommand(pipeline_, context, found->incident.model(), request.actor(), std::move(action));
    if (result.status.ok()) {
      Renew(&result.incident);
      *incident = std::move(result.incident);
    }
    return ToGrpcStatus(result.status);
  }

  Pipeline* const pipeline_;
  Store* const store_;
  Recorder* const recorder_;
  WatchHub* const watch_hub_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeIncidentService(const ReviewParts& parts) {
  return std::make_unique<IncidentService>(parts);
}

}  // namespace faultline::review
