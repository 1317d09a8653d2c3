#include <absl/strings/ascii.h>

#include <algorithm>
#include <array>
#include <boost/asio/write.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <utility>

#include "daemon/edge/http/http_core.h"

namespace faultline {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

namespace {

constexpr uint32_t kHeaderBytesMax = 8 << 10;
constexpr size_t kBufferBytesMax = 64 << 10;
// Lets a client that is still sending read why it was refused.
constexpr std::chrono::seconds kLingerTime{2};
constexpr uint64_t kLingerBytesMax = 64 << 20;
constexpr size_t kLingerReadBytes = 16 << 10;

constexpr std::string_view kText = "text/plain; charset=utf-8";

// As in the header Allow.
std::string_view AllowedMethods(HttpMethods methods) {
  switch (methods) {
    case HttpMethods::kRead:
      return "GET, HEAD";
    case HttpMethods::kPost:
      return "POST";
    case HttpMethods::kPostOrPut:
      return "POST, PUT";
  }
  return "";
}

bool Allows(HttpMethods methods, http::verb method) {
  switch (methods) {
    case HttpMethods::kRead:
      return method == http::verb::get || method == http::verb::head;
    case HttpMethods::kPost:
      return method == http::verb::post;
    case HttpMethods::kPostOrPut:
      return method == http::verb::post || method == http::verb::put;
  }
  return false;
}

// Whether a Host header names this machine, an IP address, or `name`.
bool IsKnownHost(std::string_view host, std::string_view name) {
  if (host.starts_with('[')) return true;
  host = host.substr(0, host.find(':'));
  return host.empty() || beast::iequals(host, "localhost") || beast::iequals(host, name) ||
         host.find_first_not_of("0123456789.") == std::string_view::npos;
}

// Whether the body is encoded in any way but chunked.
bool HasUnknownEncoding(const http::fields& fields) {
  const auto content = fields[http::field::content_encoding];
  const auto transfer = fields[http::field::transfer_encoding];
  return fields.count(http::field::content_encoding) > 1 ||
         fields.count(http::field::transfer_encoding) > 1 ||
         (!content.empty() && !beast::iequals(content, "identity")) ||
         (!transfer.empty() && !beast::iequals(transfer, "chunked"));
}

}  // namespace

HttpSession::HttpSession(HttpCore* core, asio::ip::tcp::socket socket)
    : core_(core), stream_(std::move(socket)), buffer_(kBufferBytesMax), reply_timer_(core->io()) {}

void HttpSession::Start() { ReadHeader(); }

void HttpSession::Refuse() {
  refused_ = true;
  close_ = true;
  Say(503, "too many connections; try again later\n", "Retry-After: 1\r\n");
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
  parser_->body_limit(core_->options().body_bytes_max);
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
  // A declared length above the limit is an error after a whole header: it has a route.
  if (error == http::error::body_limit) FindRoute();
  if (error) return RequestFailed(error);
  if (core_->stopping()) close_ = true;
  Dispatch();
}

// Answers if the request was wrong; a connection that ended needs no answer.
void HttpSession::RequestFailed(Error error) {
  close_ = true;
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return Say(431, "the header exceeds " + std::to_string(kHeaderBytesMax) + " bytes\n");
  }
  if (error == http::error::body_limit) {
    if (route_ != nullptr && route_->oversize != nullptr) route_->oversize();
    return Say(413, "the body exceeds " + std::to_string(core_->options().body_bytes_max) +
                        " bytes; send smaller requests\n");
  }
  const bool ended = error == http::error::end_of_stream || error == http::error::partial_message;
  if (error.category() == http::make_error_code(http::error::bad_method).category() && !ended) {
    return Say(400, "not an HTTP request\n");
  }
  End();
}

void HttpSession::FindRoute() {
  const auto target = parser_->get().target();
  const std::string_view path(target.data(), target.size());
  route_ = core_->FindRoute(path.substr(0, path.find('?')));
}

void HttpSession::Dispatch() {
  const auto& request = parser_->get();
  // A body that is not read would be taken for the next request.
  if (!request.keep_alive()) close_ = true;
  FindRoute();
  const bool unread = !parser_->is_done();
  const size_t hosts = request.count(http::field::host);
  if (hosts > 1 || (hosts == 0 && request.version() >= 11)) {
    close_ = close_ || unread;
    return Say(400, "send one Host header\n");
  }
  const auto host = request[http::field::host];
  if (core_->options().host &&
      !IsKnownHost(std::string_view(host.data(), host.size()), *core_->options().host)) {
    close_ = close_ || unread;
    return Say(421, "unknown host name; set listen.reports_url to the name in use\n");
  }
  if (route_ == nullptr || !route_->body) close_ = close_ || unread;
  if (route_ == nullptr) return Say(404, "not found\n");
  if (!Allows(route_->methods, request.method())) {
    close_ = close_ || unread;
    const std::string allowed(AllowedMethods(route_->methods));
    return Say(405, "method not allowed; use " + allowed + "\n", "Allow: " + allowed + "\r\n");
  }
  if (route_->methods != HttpMethods::kRead && request.find(http::field::origin) != request.end()) {
    close_ = close_ || unread;
    return Say(403, "refused: sent by a web page (Origin header)\n");
  }
  if (!route_->body) return Run();
  if (HasUnknownEncoding(request)) {
    close_ = close_ || unread;
    return Say(415, "the encoding of the body is not supported; send it without compression\n");
  }
  ReceiveBody();
}

void HttpSession::ReceiveBody() {
  const auto length = parser_->content_length();
  const uint64_t bytes = length ? *length : core_->options().body_bytes_max;
  if (!core_->bodies().Charge(bytes)) {
    close_ = true;
    return Say(503, "too many request bodies at once; send again later\n", "Retry-After: 1\r\n");
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
  Run();
}

// The client must continue within the timeout, unless another connection needs its place.
void HttpSession::AwaitClient() {
  stream_.expires_after(core_->options().timeout);
  if (!refused_) core_->sessions().WaitsForClient(this);
}

void HttpSession::AwaitReply() {
  waiting_ = true;
  core_->sessions().WaitsForServer(this);
  stream_.expires_never();
  reply_timer_.expires_after(core_->options().answer_timeout);
  reply_timer_.async_wait([self = shared_from_this(), ticket = ticket_](Error error) {
    if (error) return;
    HttpAnswer late;
    late.code = 504;
    late.body = "no answer in time; the request may still take effect\n";
    self->Answer(ticket, std::make_shared<const HttpAnswer>(std::move(late)));
  });
}

void HttpSession::Answer(uint64_t ticket, const std::shared_ptr<const HttpAnswer>& answer) {
  if (ticket != ticket_ || !waiting_ || ended_) return;
  waiting_ = false;
  reply_timer_.cancel();
  Write(answer->code, answer->content_type,
        std::shared_ptr<const std::string>(answer, &answer->body), answer->header);
}

void HttpSession::Say(unsigned code, std::string_view text, std::string_view header) {
  Write(code, kText, std::make_shared<const std::string>(text), header);
}

void HttpSession::Write(unsigned code, std::string_view content_type,
                        std::shared_ptr<const std::string> body, std::string_view header) {
  const auto reason = http::obsolete_reason(static_cast<http::status>(code));
  core_->counts().Answer(route_ == nullptr ? "other" : route_->path, code);
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
  core_->bodies().Discharge(std::exchange(charged_, 0));
  if (error) return End();
  if (!close_ && !core_->stopping()) return ReadHeader();
  stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, error);
  if (error || core_->stopping()) return End();
  stream_.expires_after(std::min<std::chrono::milliseconds>(kLingerTime, core_->options().timeout));
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
  core_->bodies().Discharge(std::exchange(charged_, 0));
  core_->sessions().WaitsForServer(this);
  Error ignored;
  stream_.socket().close(ignored);
  core_->Ended(shared_from_this(), refused_);
}

void HttpSession::Run() {
  AwaitReply();
  auto& message = parser_->get();
  HttpRequest request;
  const auto method = message.method_string();
  request.method.assign(method.data(), method.size());
  const auto target = message.target();
  request.target.assign(target.data(), target.size());
  for (const auto& field : message) {
    const auto name = field.name_string();
    const auto value = field.value();
    request.headers.emplace_back(std::string(name.data(), name.size()),
                                 std::string(value.data(), value.size()));
    absl::AsciiStrToLower(&request.headers.back().first);
  }
  if (route_->body) request.body = std::move(message.body());
  core_->Run(*route_, std::move(request), shared_from_this());
}

}  // namespace faultline
