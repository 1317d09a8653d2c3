#include "daemon/http_edge.h"

#include <absl/strings/str_cat.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <utility>

#include "base/clock.h"
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

}  // namespace

struct HttpEdge::Impl {
  explicit Impl(const HttpEdgeParts& the_parts)
      : parts(the_parts),
        metrics({FAULTLINE_VERSION, FAULTLINE_REVISION}, [this] { return ReadDaemon(); }) {}

  DaemonReading ReadDaemon();
  std::string Page();
  absl::Status Ready() const;
  HttpRoutes Routes();

  const HttpEdgeParts parts;
  std::string address;
  std::atomic<bool> retired = false;
  std::atomic<bool> reload_successful = true;
  std::atomic<int64_t> reload_time_ns = parts.config_ns;
  std::mutex page_mutex;
  PageWriter page_writer;
  DaemonMetrics metrics;
  // Last, so that nothing it calls is gone before it.
  std::unique_ptr<HttpServer> server;
};

DaemonReading HttpEdge::Impl::ReadDaemon() {
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

std::string HttpEdge::Impl::Page() {
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

absl::Status HttpEdge::Impl::Ready() const {
  if (retired) return absl::UnavailableError("the daemon is stopping");
  return parts.pipeline->ready();
}

HttpRoutes HttpEdge::Impl::Routes() {
  HttpRoutes routes;
  routes.metrics = [this] { return Page(); };
  routes.healthy = parts.healthy;
  routes.ready = [this] { return Ready(); };
  routes.reload = [this](const HttpReply& reply) {
    reply(ReloadAnswer(parts.reload(Principal::Person(""))));
  };
  routes.events = [this](const HttpRequest& request, const HttpReply& reply) {
    PostEvents(parts.hub, request.body, [reply](int code, std::string body) {
      reply({static_cast<unsigned>(code), "application/json", std::move(body)});
    });
  };
  routes.front = {{"metrics", "/metrics"},
                  {"ready", "/-/ready"},
                  {"send events", "POST /v1/events, one JSON object per line"},
                  {"gRPC", parts.grpc_address}};
  return routes;
}

HttpEdge::HttpEdge(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

HttpEdge::~HttpEdge() { Stop(); }

absl::StatusOr<std::unique_ptr<HttpEdge>> HttpEdge::Start(const HttpEdgeParts& parts,
                                                          const ListenSettings& listen,
                                                          uint64_t message_bytes_max) {
  auto impl = std::make_unique<Impl>(parts);
  HttpOptions options;
  options.address = listen.http_address;
  options.connections_max = listen.connections_max;
  options.body_bytes_max = message_bytes_max;
  // A page that is asked for at once waits until its server is in place.
  std::lock_guard lock(impl->page_mutex);
  absl::StatusOr<std::unique_ptr<HttpServer>> server =
      HttpServer::Start(std::move(options), impl->Routes());
  if (!server.ok()) return server.status();
  impl->server = *std::move(server);
  impl->address = impl->server->address();
  return std::unique_ptr<HttpEdge>(new HttpEdge(std::move(impl)));
}

void HttpEdge::Retire() { impl_->retired = true; }

void HttpEdge::Stop() { impl_->server->Stop(kStopGrace); }

void HttpEdge::CountReload(bool taken) {
  impl_->reload_successful = taken;
  if (taken) impl_->reload_time_ns = WallNowNs();
}

const std::string& HttpEdge::address() const { return impl_->address; }

}  // namespace faultline
