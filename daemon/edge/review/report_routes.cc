#include "daemon/edge/review/report_routes.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "daemon/edge/report/report.h"
#include "daemon/edge/review/evidence_calls.h"
#include "daemon/edge/review/incident_reader.h"
#include "daemon/edge/review/url_query.h"
#include "faultline/v1/incident_service.pb.h"
#include "storage/tables/incident_id.h"

namespace faultline::review {
namespace {

constexpr uint32_t kIncidentsPerPage = 50;
constexpr std::string_view kRoot = "/incidents";

// A page loads nothing, runs no scripts, and cannot be framed.
constexpr const char* kPolicy =
    "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'\r\nReferrer-Policy: no-referrer\r\n";

HttpAnswer Page(std::string html) {
  return {200, "text/html; charset=utf-8", std::move(html), kPolicy};
}

HttpAnswer Refusal(const absl::Status& status) {
  const bool missing = status.code() == absl::StatusCode::kNotFound;
  const bool wrong = status.code() == absl::StatusCode::kInvalidArgument;
  return {missing ? 404u
          : wrong ? 400u
                  : 503u,
          "text/plain; charset=utf-8", absl::StrCat(std::string(status.message()), "\n"), ""};
}

HttpAnswer ListAnswer(const Store& store, std::string_view query) {
  ReportList list;
  list.model = QueryValue(query, "model");
  list.list_url = kRoot;
  uint64_t below = 0;
  if (const std::string before = QueryValue(query, "before"); !before.empty()) {
    const absl::StatusOr<IncidentIdRange> range = ParseIncidentIdPrefix(before);
    if (!range.ok()) return Refusal(range.status());
    below = range->first;
  }
  IncidentFilter filter;
  filter.model = list.model;
  absl::StatusOr<IncidentPage> page = ListIncidents(store, filter, below, kIncidentsPerPage);
  if (!page.ok()) return Refusal(page.status());
  list.incidents = std::move(page->incidents);
  if (!page->complete) {
    list.older_url =
        absl::StrCat(std::string(kRoot), "?before=", FormatIncidentId(page->last_id),
                     list.model.empty() ? "" : "&model=", EncodeQueryValue(list.model));
  }
  return Page(ReportListPage(list));
}

HttpAnswer AnswerTo(const Store& store, const Recorder* recorder, std::string_view target) {
  const std::string_view path = target.substr(0, target.find('?'));
  const std::string_view query = target.substr(std::min(path.size() + 1, target.size()));
  std::string_view id = path.substr(kRoot.size());
  if (id.starts_with('/')) id.remove_prefix(1);
  if (id.empty()) return ListAnswer(store, query);
  const absl::StatusOr<FoundIncident> found = FindIncident(store, id);
  if (!found.ok()) return Refusal(found.status());
  v1::GetEvidenceRequest request;
  request.set_id(found->incident.id());
  v1::GetEvidenceResponse evidence;
  const absl::Status status = GetEvidence(store, recorder, request, &evidence);
  if (!status.ok()) return Refusal(status);
  return Page(ReportPage(found->incident, evidence.bundle(), std::string(kRoot)));
}

}  // namespace

std::vector<HttpRoute> ReportRoutes(const Store* store, const Recorder* recorder) {
  const auto to_list = [](const HttpRequest&, const HttpReply& reply) {
    reply({302, "text/plain; charset=utf-8", "see /incidents\n", "Location: /incidents\r\n"});
  };
  const auto report = [store, recorder](const HttpRequest& request, const HttpReply& reply) {
    reply(AnswerTo(*store, recorder, request.target));
  };
  return {
      {.path = "/", .handler = to_list, .run = HttpRun::kAtOnce},
      {.path = std::string(kRoot), .handler = report, .subtree = true},
  };
}

}  // namespace faultline::review
