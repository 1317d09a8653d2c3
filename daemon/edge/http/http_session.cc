#include <algorithm>
#include <array>
#include <boost/asio/write.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <utility>

#include "base/html.h"
#include "daemon/edge/http/http_core.h"

namespace faultline {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

namespace {

constexpr uint32_t kHeaderBytesMax = 8 << 10;
constexpr size_t kBufferBytesMax = 64 << 10;
// So that a client that is still sending gets to read why it was refused.
constexpr std::chrono::seconds kLingerTime{2};
constexpr uint64_t kLingerBytesMax = 64 << 20;
constexpr size_t kLingerReadBytes = 16 << 10;

constexpr std::string_view kText = "text/plain; charset=utf-8";

// `allow` as in the header: "GET, HEAD".
bool Allows(std::string_view allow, std::string_view method) {
  while (!allow.empty()) {
    const size_t comma = std::min(allow.find(','), allow.size());
    if (allow.substr(0, comma) == method) return true;
    allow.remove_prefix(std::min(allow.size(), comma + 2));
  }
  return false;
}

// Whether a Host header means the machine itself, an address, or `name`.
bool IsKnownHost(std::string_view host, std::string_view name) {
  if (host.starts_with('[')) return true;
  host = host.substr(0, host.find(':'));
  return host.empty() || beast::iequals(host, "localhost") || beast::iequals(host, name) ||
         host.find_first_not_of("0123456789.") == std::string_view::npos;
}

}  // namespace

struct HttpSession::Route {
  std::string_view path;
  std::string_view allow;
  bool changes;  // something: not for GET
  bool body;     // reads it
  bool below;    // also what is below the path
  bool (*there)(const HttpRoutes& routes);
  void (*run)(HttpSession* session);
};

// clang-format off
const HttpSession::Route HttpSession::kRoutes[] = {
    {"/", "GET, HEAD", false, false, false,
     [](const HttpRoutes&) { return true; }, &HttpSession::Front},
    {"/metrics", "GET, HEAD", false, false, false,
     [](const HttpRoutes& routes) { return routes.metrics != nullptr; }, &HttpSession::Metrics},
    {"/-/healthy", "GET, HEAD", false, false, false,
     [](const HttpRoutes& routes) { return routes.healthy != nullptr; }, &HttpSession::Healthy},
    {"/-/ready", "GET, HEAD", false, false, false,
     [](const HttpRoutes& routes) { return routes.ready != nullptr; }, &HttpSession::Ready},
    {"/-/reload", "POST, PUT", true, false, false,
     [](const HttpRoutes& routes) { return routes.reload != nullptr; }, &HttpSession::Reload},
    {"/v1/events", "POST", true, true, false,
     [](const HttpRoutes& routes) { return routes.events != nullptr; }, &HttpSession::Events},
    {"/incidents", "GET, HEAD", false, false, true,
     [](const HttpRoutes& routes) { return routes.incidents != nullptr; }, &HttpSession::Incidents},
};
// clang-format on

HttpSession::HttpSession(HttpCore* core, asio::ip::tcp::socket socket)
    : core_(core), stream_(std::move(socket)), buffer_(kBufferBytesMax), reply_timer_(core->io) {}

void HttpSession::Start() { ReadHeader(); }

void HttpSession::Refuse() {
  refused_ = true;
  close_ = true;
  Say(503, "too many connections\n", "Retry-After: 1\r\n");
}

void HttpSession::Wind() {
  close_ = true;
  if (idle_) Cut();
}

void HttpSession::Cut() {
  Error ignored;
  stream_.socket().close(ignored);
  reply_timer_.cancel();
  if (waiting_) End();
}

void HttpSession::ReadHeader() {
  idle_ = true;
  parser_.emplace();
  parser_->header_limit(kHeaderBytesMax);
  parser_->body_limit(core_->options.body_bytes_max);
  AwaitClient();
  http::async_read_header(
      stream_, buffer_, *parser_,
      [self = shared_from_this()](Error error, size_t) { self->HeaderRead(error); });
}

void HttpSession::HeaderRead(Error error) {
  if (ended_) return;
  idle_ = false;
  ++ticket_;
  route_ = nullptr;
  if (error) return RequestFailed(error);
  if (core_->stopping()) close_ = true;
  Dispatch();
}

// Says what was wrong if it was the request; a connection that ended needs no answer.
void HttpSession::RequestFailed(Error error) {
  close_ = true;
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return Say(431, "the header is too large\n");
  }
  if (error == http::error::body_limit) {
    return Say(413, "the body is too large\n");
  }
  const bool ended = error == http::error::end_of_stream || error == http::error::partial_message;
  if (error.category() == http::make_error_code(http::error::bad_method).category() && !ended) {
    return Say(400, "this is no HTTP request\n");
  }
  End();
}

const HttpSession::Route* HttpSession::FindRoute(std::string_view path) const {
  for (const Route& route : kRoutes) {
    const bool below = route.below && path.starts_with(route.path) &&
                       path.substr(route.path.size()).starts_with('/');
    if ((below || route.path == path) && route.there(core_->routes)) return &route;
  }
  return nullptr;
}

void HttpSession::Dispatch() {
  const auto& request = parser_->get();
  // What is not read would be taken for the next request.
  if (!request.keep_alive()) close_ = true;
  const std::string_view target(request.target().data(), request.target().size());
  route_ = FindRoute(target.substr(0, target.find('?')));
  const bool unread = !parser_->is_done();
  const auto host = request[http::field::host];
  if (core_->options.host &&
      !IsKnownHost(std::string_view(host.data(), host.size()), *core_->options.host)) {
    close_ = close_ || unread;
    return Say(421, "this server is not called so: see listen.reports_url\n");
  }
  if (route_ == nullptr || !route_->body) close_ = close_ || unread;
  if (route_ == nullptr) return Say(404, "there is nothing at this address\n");
  const std::string_view method(request.method_string().data(), request.method_string().size());
  if (!Allows(route_->allow, method)) {
    close_ = close_ || unread;
    std::string allow = "Allow: ";
    allow.append(route_->allow).append("\r\n");
    return Say(405, "this address takes " + std::string(route_->allow) + "\n", allow);
  }
  if (route_->changes && request.find(http::field::origin) != request.end()) {
    close_ = close_ || unread;
    return Say(403, "not for web pages\n");
  }
  if (route_->body) return ReceiveBody();
  route_->run(this);
}

void HttpSession::ReceiveBody() {
  const auto length = parser_->content_length();
  const uint64_t bytes = length ? *length : core_->options.body_bytes_max;
  if (!core_->Charge(bytes)) {
    close_ = true;
    return Say(503, "too much is coming in at once, try again\n", "Retry-After: 1\r\n");
  }
  charged_ = bytes;
  if (!beast::iequals(parser_->get()[http::field::expect], "100-continue")) return ReadBody();
  static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  AwaitClient();
  asio::async_write(stream_, asio::buffer(kContinue),
                    [self = shared_from_this()](Error error, size_t) {
                      if (error) return self->End();
                      self->ReadBody();
                    });
}

void HttpSession::ReadBody() {
  AwaitClient();
  http::async_read(stream_, buffer_, *parser_,
                   [self = shared_from_this()](Error error, size_t) { self->BodyRead(error); });
}

void HttpSession::BodyRead(Error error) {
  if (ended_) return;
  if (error) return RequestFailed(error);
  route_->run(this);
}

// The client has so long to go on, unless somebody else needs its place.
void HttpSession::AwaitClient() {
  stream_.expires_after(core_->options.timeout);
  if (!refused_) core_->WaitsForClient(this, &place_);
}

void HttpSession::AwaitReply() {
  waiting_ = true;
  core_->WaitsForServer(&place_);
  stream_.expires_never();
  reply_timer_.expires_after(core_->options.answer_timeout);
  reply_timer_.async_wait([self = shared_from_this(), ticket = ticket_](Error error) {
    if (error) return;
    self->Answer(ticket, {504, std::string(kText),
                          "no answer in time; what was asked for may still happen\n"});
  });
}

void HttpSession::Answer(uint64_t ticket, const HttpAnswer& answer) {
  if (ticket != ticket_ || !waiting_ || ended_) return;
  waiting_ = false;
  reply_timer_.cancel();
  Write(answer.code, answer.content_type, std::make_shared<const std::string>(answer.body),
        answer.header);
}

void HttpSession::AnswerPage(uint64_t ticket, std::shared_ptr<const std::string> page) {
  if (ticket != ticket_ || !waiting_ || ended_) return;
  waiting_ = false;
  reply_timer_.cancel();
  Write(200, "text/plain; version=0.0.4; charset=utf-8", std::move(page));
}

void HttpSession::Say(unsigned code, std::string_view text, std::string_view header) {
  Write(code, kText, std::make_shared<const std::string>(text), header);
}

void HttpSession::Write(unsigned code, std::string_view content_type,
                        std::shared_ptr<const std::string> body, std::string_view header) {
  const auto reason = http::obsolete_reason(static_cast<http::status>(code));
  core_->Count(route_ == nullptr ? "other" : route_->path, code);
  body_ = std::move(body);
  head_ = "HTTP/1.1 " + std::to_string(code) + " ";
  head_.append(reason.data(), reason.size()).append("\r\nServer: faultline\r\nContent-Type: ");
  head_.append(content_type).append("\r\nContent-Length: " + std::to_string(body_->size()));
  head_.append("\r\nX-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n");
  head_.append(header).append(close_ ? "Connection: close\r\n\r\n"
                                     : "Connection: keep-alive\r\n\r\n");
  const bool head_only = parser_ && parser_->get().method() == http::verb::head;
  const std::array<asio::const_buffer, 2> parts = {
      asio::buffer(head_), asio::buffer(body_->data(), head_only ? 0 : body_->size())};
  AwaitClient();
  asio::async_write(stream_, parts,
                    [self = shared_from_this()](Error error, size_t) { self->Written(error); });
}

void HttpSession::Written(Error error) {
  body_.reset();
  core_->Discharge(std::exchange(charged_, 0));
  if (error) return End();
  if (!close_ && !core_->stopping()) return ReadHeader();
  stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, error);
  if (error || core_->stopping()) return End();
  stream_.expires_after(std::min<std::chrono::milliseconds>(kLingerTime, core_->options.timeout));
  Linger();
}

void HttpSession::Linger() {
  buffer_.clear();
  stream_.async_read_some(
      buffer_.prepare(kLingerReadBytes), [self = shared_from_this()](Error error, size_t bytes) {
        self->lingered_bytes_ += bytes;
        if (error || self->lingered_bytes_ > kLingerBytesMax || self->core_->stopping()) {
          return self->End();
        }
        self->Linger();
      });
}

void HttpSession::End() {
  if (std::exchange(ended_, true)) return;
  waiting_ = false;
  core_->Discharge(std::exchange(charged_, 0));
  core_->WaitsForServer(&place_);
  Error ignored;
  stream_.socket().close(ignored);
  core_->Ended(shared_from_this());
}

void HttpSession::Metrics(HttpSession* session) {
  session->AwaitReply();
  session->core_->WantPage(session->shared_from_this());
}

void HttpSession::Healthy(HttpSession* session) {
  const absl::Status status = session->core_->routes.healthy();
  session->Say(status.ok() ? 200 : 503, status.ok() ? "ok\n" : status.ToString() + "\n");
}

void HttpSession::Ready(HttpSession* session) {
  const absl::Status status = session->core_->routes.ready();
  session->Say(status.ok() ? 200 : 503, status.ok() ? "ready\n" : status.ToString() + "\n");
}

void HttpSession::Reload(HttpSession* session) {
  session->AwaitReply();
  HttpCore* const core = session->core_;
  asio::post(core->events, [core, reply = core->ReplyFor(session->shared_from_this())]() mutable {
    core->routes.reload(std::move(reply));
  });
}

void HttpSession::Events(HttpSession* session) {
  session->AwaitReply();
  HttpCore* const core = session->core_;
  auto& message = session->parser_->get();
  const auto type = message[http::field::content_type];
  HttpRequest request{std::string(type.data(), type.size()), std::move(message.body())};
  asio::post(core->events, [core, request = std::move(request),
                            reply = core->ReplyFor(session->shared_from_this())]() mutable {
    core->routes.events(std::move(request), std::move(reply));
  });
}

void HttpSession::Incidents(HttpSession* session) {
  session->AwaitReply();
  HttpCore* const core = session->core_;
  const auto target = session->parser_->get().target();
  asio::post(core->events, [core, target = std::string(target.data(), target.size()),
                            reply = core->ReplyFor(session->shared_from_this())]() mutable {
    core->routes.incidents(std::move(target), std::move(reply));
  });
}

void HttpSession::Front(HttpSession* session) {
  if (session->core_->routes.incidents) {
    return session->Say(302, "see /incidents\n", "Location: /incidents\r\n");
  }
  std::string page =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Faultline</title>"
      "</head><body><h1>Faultline</h1><ul>\n"
      "<li><a href=\"/metrics\">/metrics</a>: series for Prometheus</li>\n"
      "<li><a href=\"/-/ready\">/-/ready</a>, <a href=\"/-/healthy\">/-/healthy</a>: probes</li>\n"
      "<li>POST /-/reload: reads the configuration again</li>\n"
      "<li>POST /v1/events: events as JSON, one per line</li>\n";
  for (const auto& [what, where] : session->core_->routes.front) {
    page.append("<li>" + Html(what) + ": " + Html(where) + "</li>\n");
  }
  page.append("</ul></body></html>\n");
  session->Write(200, "text/html; charset=utf-8", std::make_shared<const std::string>(page),
                 "Content-Security-Policy: default-src 'none'\r\n");
}

}  // namespace faultline
