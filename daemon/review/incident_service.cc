#include <absl/strings/str_cat.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/codec.h"
#include "daemon/core/incident_book.h"
#include "daemon/core/limits.h"
#include "daemon/review/answer.h"
#include "daemon/review/incident_reader.h"
#include "daemon/review/model_answers.h"
#include "daemon/review/page_token.h"
#include "daemon/review/services.h"
#include "faultline/v1/incident.grpc.pb.h"

namespace faultline::review {
namespace {

constexpr uint32_t kPageSize = 50;
constexpr uint32_t kPageSizeMax = 1'000;

absl::StatusOr<IncidentFilter> ReadFilter(const v1::ListIncidentsRequest& request) {
  absl::Status valid = CheckText("model", request.model(), 0, kNameBytesMax);
  if (!valid.ok()) return valid;
  IncidentFilter filter{.model = request.model(), .states = {}};
  for (const int state : request.states()) {
    if (!v1::IncidentState_IsValid(state) || state == v1::INCIDENT_STATE_UNSPECIFIED) {
      return absl::InvalidArgumentError(
          absl::StrCat("states: ", state, " is no state; leave states empty for all"));
    }
    filter.states.push_back(static_cast<v1::IncidentState>(state));
  }
  std::sort(filter.states.begin(), filter.states.end());
  filter.states.erase(std::unique(filter.states.begin(), filter.states.end()), filter.states.end());
  return filter;
}

// What must stay the same from page to page.
std::string QueryOf(const IncidentFilter& filter) {
  std::string query;
  Encoder encoder(&query);
  encoder.String(filter.model);
  for (const v1::IncidentState state : filter.states) encoder.Varint(state);
  return query;
}

class IncidentService final : public v1::IncidentService::Service {
 public:
  explicit IncidentService(const ReviewParts& parts)
      : pipeline_(parts.pipeline), store_(parts.store), watch_hub_(parts.watch_hub) {}

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
    return Decide<faultline::AcknowledgeIncident>(context, *request, 0,
                                                  response->mutable_incident());
  }

  grpc::Status ResolveIncident(grpc::ServerContext* context,
                               const v1::ResolveIncidentRequest* request,
                               v1::ResolveIncidentResponse* response) override {
    return Decide<faultline::ResolveIncident>(context, *request, 0, response->mutable_incident());
  }

  grpc::Status CommentIncident(grpc::ServerContext* context,
                               const v1::CommentIncidentRequest* request,
                               v1::CommentIncidentResponse* response) override {
    return Decide<faultline::CommentIncident>(context, *request, 1, response->mutable_incident());
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
      if (!decoder.Done() || below == 0) return absl::InvalidArgumentError("page_token: is none");
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
                      v1::Incident* incident) {
    absl::Status valid = CheckText("actor", request.actor(), 0, kActorBytesMax);
    if (valid.ok()) {
      valid = CheckText("comment", request.comment(), comment_min, kCommentBytesMax, true);
    }
    if (!valid.ok()) return ToGrpcStatus(valid);
    const absl::StatusOr<FoundIncident> found = FindIncident(*store_, request.id());
    if (!found.ok()) return ToGrpcStatus(found.status());
    CommandResult result = RunCommand(
        pipeline_, context, found->incident.model(),
        Action{.incident = found->id, .actor = request.actor(), .comment = request.comment()});
    if (result.status.ok()) {
      Renew(&result.incident);
      *incident = std::move(result.incident);
    }
    return ToGrpcStatus(result.status);
  }

  Pipeline* const pipeline_;
  Store* const store_;
  WatchHub* const watch_hub_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeIncidentService(const ReviewParts& parts) {
  return std::make_unique<IncidentService>(parts);
}

}  // namespace faultline::review
