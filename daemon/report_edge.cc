#include "daemon/report_edge.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <chrono>
#include <string_view>
#include <utility>

#include "daemon/edge/http/http_server.h"
#include "daemon/edge/report/report.h"
#include "daemon/edge/review/evidence_calls.h"
#include "daemon/edge/review/incident_reader.h"
#include "daemon/edge/review/url_query.h"
#include "faultline/v1/incident_service.pb.h"
#include "storage/tables/incident_id.h"
#include "storage/tables/keys.h"

namespace faultline {
namespace {

constexpr std::chrono::milliseconds kStopGrace{500};
constexpr uint32_t kIncidentsPerPage = 50;
constexpr uint32_t kConnectionsMax = 64;
constexpr std::string_view kRoot = "/incidents";

// Nothing is fetched or run, and nothing may be put around a page.
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
  list.model = review::QueryValue(query, "model");
  list.list_url = kRoot;
  uint64_t below = 0;
  if (const std::string before = review::QueryValue(query, "before"); !before.empty()) {
    const absl::StatusOr<IncidentIdRange> range = ParseIncidentIdPrefix(before);
    if (!range.ok()) return Refusal(range.status());
    below = range->first;
  }
  review::IncidentFilter filter;
  filter.model = list.model;
  absl::StatusOr<review::IncidentPage> page =
      review::ListIncidents(store, filter, below, kIncidentsPerPage);
  if (!page.ok()) return Refusal(page.status());
  list.incidents = std::move(page->incidents);
  if (!page->complete) {
    list.older_url =
        absl::StrCat(std::string(kRoot), "?before=", FormatIncidentId(page->last_id),
                     list.model.empty() ? "" : "&model=", review::EncodeQueryValue(list.model));
  }
  return Page(ReportListPage(list));
}

HttpAnswer AnswerTo(const Store& store, const Recorder* recorder, std::string_view target) {
  const std::string_view path = target.substr(0, target.find('?'));
  const std::string_view query = target.substr(std::min(path.size() + 1, target.size()));
  std::string_view id = path.substr(kRoot.size());
  if (id.starts_with('/')) id.remove_prefix(1);
  if (id.empty()) return ListAnswer(store, query);
  const absl::StatusOr<review::FoundIncident> found = review::FindIncident(store, id);
  if (!found.ok()) return Refusal(found.status());
  v1::GetEvidenceRequest request;
  request.set_id(found->incident.id());
  v1::GetEvidenceResponse evidence;
  const absl::Status status = review::GetEvidence(store, recorder, request, &evidence);
  if (!status.ok()) return Refusal(status);
  return Page(ReportPage(found->incident, evidence.bundle(), std::string(kRoot)));
}

// The host of "https://host:port/path".
std::string HostOf(std::string_view url) {
  const size_t scheme = url.find("://");
  if (scheme == url.npos) return "";
  url.remove_prefix(scheme + 3);
  return std::string(url.substr(0, url.find_first_of(":/")));
}

}  // namespace

struct ReportEdge::Impl {
  std::string address;
  std::string url;
  std::unique_ptr<HttpServer> server;
};

ReportEdge::ReportEdge(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

ReportEdge::~ReportEdge() { Stop(); }

absl::StatusOr<std::unique_ptr<ReportEdge>> ReportEdge::Start(const Store* store,
                                                              const Recorder* recorder,
                                                              const ListenSettings& listen) {
  HttpOptions options;
  options.address = listen.reports_address;
  options.connections_max = kConnectionsMax;
  options.host = HostOf(listen.reports_url);
  HttpRoutes routes;
  routes.incidents = [store, recorder](const std::string& target, const HttpReply& reply) {
    reply(AnswerTo(*store, recorder, target));
  };
  absl::StatusOr<std::unique_ptr<HttpServer>> server =
      HttpServer::Start(std::move(options), std::move(routes));
  if (!server.ok()) return server.status();
  auto impl = std::make_unique<Impl>();
  impl->server = *std::move(server);
  impl->address = impl->server->address();
  impl->url = listen.reports_url.empty() ? "http://" + impl->address : listen.reports_url;
  return std::unique_ptr<ReportEdge>(new ReportEdge(std::move(impl)));
}

void ReportEdge::Stop() { impl_->server->Stop(kStopGrace); }

const std::string& ReportEdge::address() const { return impl_->address; }
const std::string& ReportEdge::url() const { return impl_->url; }

}  // namespace faultline
