#include "daemon/report_http.h"

#include <chrono>
#include <string_view>
#include <utility>

#include "daemon/edge/http/http_server.h"
#include "daemon/edge/review/report_routes.h"

namespace faultline {
namespace {

constexpr std::chrono::milliseconds kStopGrace{500};
constexpr uint32_t kConnectionsMax = 64;

// The host of "https://host:port/path".
std::string HostOf(std::string_view url) {
  const size_t scheme = url.find("://");
  if (scheme == url.npos) return "";
  url.remove_prefix(scheme + 3);
  return std::string(url.substr(0, url.find_first_of(":/")));
}

}  // namespace

struct ReportHttp::Impl {
  std::string address;
  std::string url;
  std::unique_ptr<HttpServer> server;
};

ReportHttp::ReportHttp(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

ReportHttp::~ReportHttp() { Stop(); }

absl::StatusOr<std::unique_ptr<ReportHttp>> ReportHttp::Start(const Store* store,
                                                              const Recorder* recorder,
                                                              const ListenSettings& listen) {
  HttpOptions options;
  options.address = listen.reports_address;
  options.connections_max = kConnectionsMax;
  options.host = HostOf(listen.reports_url);
  absl::StatusOr<std::unique_ptr<HttpServer>> server =
      HttpServer::Start(std::move(options), review::ReportRoutes(store, recorder));
  if (!server.ok()) return server.status();
  auto impl = std::make_unique<Impl>();
  impl->server = *std::move(server);
  impl->address = impl->server->address();
  impl->url = listen.reports_url.empty() ? "http://" + impl->address : listen.reports_url;
  return std::unique_ptr<ReportHttp>(new ReportHttp(std::move(impl)));
}

void ReportHttp::Stop() { impl_->server->Stop(kStopGrace); }

const std::string& ReportHttp::address() const { return impl_->address; }
const std::string& ReportHttp::url() const { return impl_->url; }

}  // namespace faultline
