#include "daemon/daemon_http.h"

#include <absl/strings/str_cat.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <utility>

#include "base/clock.h"
#include "base/html.h"
#include "daemon/edge/http/http_server.h"
#include "daemon/edge/ingest/post_events.h"
#include "daemon/edge/metrics/daemon_metrics.h"
#include "daemon/edge/metrics/metrics_page.h"
#include "daemon/log/log.h"

namespace faultline {
namespace {

constexpr std::chrono::milliseconds kStopGrace{500};

HttpAnswer ReloadAnswer(const absl::StatusOr<std::vector<std::string>>& names) {
  HttpAnswer answer;
  if (!names.ok()) {
    answer.code = 400;
    answer.body = absl::StrCat(std::string(names.status().message()), "\n");
    return answer;
  }
  answer.body = "reloaded\n";
  for (const std::string& name : *names) absl::StrAppend(&answer.body, name, " needs a restart\n");
  return answer;
}

HttpAnswer FrontPage(const std::string& grpc_address) {
  HttpAnswer answer;
  answer.content_type = "text/html; charset=utf-8";
  answer.header = "Content-Security-Policy: default-src 'none'\r\n";
  answer.body = absl::StrCat(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Faultline</title>"
      "</head><body><h1>Faultline</h1><ul>\n"
      "<li><a href=\"/metrics\">/metrics</a>: series for Prometheus</li>\n"
      "<li><a href=\"/-/ready\">/-/ready</a>, <a href=\"/-/healthy\">/-/healthy</a>: probes</li>\n"
      "<li>POST /-/reload: reloads the configuration</li>\n"
      "<li>POST /v1/events: events, one JSON object per line</li>\n<li>gRPC: ",
      Html(grpc_address), "</li>\n</ul></body></html>\n");
  return answer;
}

}  // namespace

struct DaemonHttp::Impl {
  explicit Impl(const DaemonHttpParts& the_parts)
      : parts(the_parts),
        metrics({FAULTLINE_VERSION, FAULTLINE_REVISION}, [this] { return ReadDaemon(); }) {}

  DaemonReading ReadDaemon();
  std::string Page();
  absl::Status Ready() const;
  std::vector<HttpRoute> Routes();

  const DaemonHttpParts parts;
  std::string address;
  std::atomic<bool> retired = false;
  std::atomic<bool> reload_successful = true;
  std::atomic<int64_t> reload_time_ns = parts.config_ns;
  std::mutex page_mutex;
  PageWriter page_writer;
  DaemonMetrics metrics;
  // Last, so that it is destroyed before everything that its routes use.
  std::unique_ptr<HttpServer> server;
};

DaemonReading DaemonHttp::Impl::ReadDaemon() {
  DaemonReading reading;
  reading.ready = Ready().ok();
  const ConnectionCounts counts = parts.connections();
  reading.grpc_connections = counts.open;
  reading.grpc_connections_refused = counts.refused;
  if (server != nullptr) {
    HttpReading http = server->Read();
    reading.http_connections = http.connections;
    reading.http_connections_refused = http.connections_refused;
    reading.http_requests = std::move(http.requests);
  }
  reading.log_lines_dropped = LogLinesDropped();
  reading.reload_successful = reload_successful;
  reading.reload_success_time = static_cast<double>(reload_time_ns) * 1e-9;
  if (parts.recorder != nullptr) {
    const RecorderReading recorder = parts.recorder->Read();
    reading.recorder_enabled = true;
    reading.recorder_bytes = recorder.bytes;
    reading.recorder_segments = recorder.segments;
    reading.recorded_rows = recorder.recorded_rows;
    reading.recorder_dropped_rows = recorder.dropped_rows;
  }
  if (parts.alert_poster != nullptr) {
    reading.posts_alerts = true;
    reading.alert_poster = parts.alert_poster->Read();
  }
  return reading;
}

std::string DaemonHttp::Impl::Page() {
  std::lock_guard lock(page_mutex);
  const int64_t start_ns = SteadyNowNs();
  const std::shared_ptr<const Settings> settings = parts.pipeline->settings();
  PageOptions options;
  options.signals_top = settings->metrics.signals_top;
  options.signals_always = settings->metrics.signals_always;
  std::string page;
  page_writer.Write(parts.pipeline->Read(), options, WallNowNs(), &page);
  metrics.Write(&page);
  metrics.ObserveScrape(static_cast<double>(SteadyNowNs() - start_ns) * 1e-9);
  return page;
}

absl::Status DaemonHttp::Impl::Ready() const {
  if (retired) return absl::UnavailableError("the daemon is stopping");
  return parts.pipeline->ready();
}

// Add new routes here, one line each.
std::vector<HttpRoute> DaemonHttp::Impl::Routes() {
  const auto front = [this](const HttpRequest&, const HttpReply& reply) {
    reply(FrontPage(parts.grpc_address));
  };
  const auto metrics_page = [this](const HttpRequest&, const HttpReply& reply) {
    reply({200, "text/plain; version=0.0.4; charset=utf-8", Page()});
  };
  const auto reload = [this](const HttpRequest&, const HttpReply& reply) {
    reply(ReloadAnswer(parts.reload(Principal::Person(""))));
  };
  const auto events = [this](const HttpRequest& request, const HttpReply& reply) {
    PostEvents(parts.hub, request.body, [reply](int code, std::string body) {
      reply({static_cast<unsigned>(code), "application/json", std::move(body)});
    });
  };
  // How many rows it had is unknown: counted as one, like a message over gRPC.
  const auto oversize = [this] { parts.hub->intake->CountRejected(v1::REJECT_REASON_OVERSIZE, 1); };
  const HttpHandler healthy = ProbeHandler("ok", parts.healthy);
  const HttpHandler ready = ProbeHandler("ready", [this] { return Ready(); });
  return {
      {.path = "/", .handler = front, .run = HttpRun::kAtOnce},
      {.path = "/metrics", .handler = metrics_page, .run = HttpRun::kShared},
      {.path = "/-/healthy", .handler = healthy, .run = HttpRun::kAtOnce},
      {.path = "/-/ready", .handler = ready, .run = HttpRun::kAtOnce},
      {.path = "/-/reload", .handler = reload, .methods = HttpMethods::kPostOrPut},
      {.path = "/v1/events",
       .handler = events,
       .methods = HttpMethods::kPost,
       .body = true,
       .oversize = oversize},
  };
}

DaemonHttp::DaemonHttp(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

DaemonHttp::~DaemonHttp() { Stop(); }

absl::StatusOr<std::unique_ptr<DaemonHttp>> DaemonHttp::Start(const DaemonHttpParts& parts,
                                                              const ListenSettings& listen,
                                                              uint64_t message_bytes_max) {
  auto impl = std::make_unique<Impl>(parts);
  HttpOptions options;
  options.address = listen.http_address;
  options.connections_max = listen.connections_max;
  options.body_bytes_max = message_bytes_max;
  // A page that is requested at once waits until `server` is set.
  std::lock_guard lock(impl->page_mutex);
  absl::StatusOr<std::unique_ptr<HttpServer>> server =
      HttpServer::Start(std::move(options), impl->Routes());
  if (!server.ok()) return server.status();
  impl->server = *std::move(server);
  impl->address = impl->server->address();
  return std::unique_ptr<DaemonHttp>(new DaemonHttp(std::move(impl)));
}

void DaemonHttp::Retire() { impl_->retired = true; }

void DaemonHttp::Stop() { impl_->server->Stop(kStopGrace); }

void DaemonHttp::CountReload(bool accepted) {
  impl_->reload_successful = accepted;
  if (accepted) impl_->reload_time_ns = WallNowNs();
}

const std::string& DaemonHttp::address() const { return impl_->address; }

}  // namespace faultline
