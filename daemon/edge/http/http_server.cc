#include "daemon/edge/http/http_server.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <thread>
#include <utility>

#include "daemon/edge/http/http_core.h"

namespace faultline {

std::string_view HttpRequest::Header(std::string_view name) const {
  const auto found = std::find_if(headers.begin(), headers.end(),
                                  [&](const auto& header) { return header.first == name; });
  return found == headers.end() ? std::string_view() : found->second;
}

HttpHandler ProbeHandler(std::string text, std::function<absl::Status()> check) {
  return [text = std::move(text), check = std::move(check)](const HttpRequest&,
                                                            const HttpReply& reply) {
    const absl::Status status = check();
    HttpAnswer answer;
    answer.code = status.ok() ? 200 : 503;
    answer.body = (status.ok() ? text : status.ToString()) + "\n";
    reply(std::move(answer));
  };
}

struct HttpServer::Impl {
  Impl(HttpOptions options, std::vector<HttpRoute> routes)
      : core(std::move(options), std::move(routes)) {}
  HttpCore core;
  uint16_t port = 0;
  std::thread thread;
};

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(HttpOptions options,
                                                              std::vector<HttpRoute> routes) {
  auto impl = std::make_unique<Impl>(std::move(options), std::move(routes));
  HttpCore& core = impl->core;
  if (absl::Status listening = core.Listen(); !listening.ok()) return listening;
  impl->port = core.port();
  impl->thread = std::thread([&core] { core.Serve(); });
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

HttpServer::~HttpServer() { Stop(std::chrono::milliseconds(0)); }

void HttpServer::Stop(std::chrono::milliseconds grace) {
  if (!impl_->thread.joinable()) return;
  boost::asio::post(impl_->core.io(), [this, grace] { impl_->core.Wind(grace); });
  impl_->thread.join();
  impl_->core.CloseGate();
}

uint16_t HttpServer::port() const { return impl_->port; }

std::string HttpServer::address() const {
  const std::string& wanted = impl_->core.options().address;
  return wanted.substr(0, wanted.rfind(':') + 1) + std::to_string(impl_->port);
}

HttpReading HttpServer::Read() const { return impl_->core.Read(); }

}  // namespace faultline
