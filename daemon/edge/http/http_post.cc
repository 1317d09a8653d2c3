#include "daemon/edge/http/http_post.h"

#include <absl/strings/str_cat.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <optional>
#include <utility>

namespace faultline {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using Error = boost::system::error_code;

constexpr uint64_t kAnswerBytesMax = 64 << 10;

// One request from the look-up of the name to the end of the answer.
class Exchange : public std::enable_shared_from_this<Exchange> {
 public:
  Exchange(asio::io_context* io, std::chrono::milliseconds timeout)
      : resolver_(*io), stream_(*io), timeout_(timeout) {
    parser_.body_limit(kAnswerBytesMax);
  }

  void Start(const HttpUrl& url, const std::string& path, const std::string& body) {
    const bool v6 = url.host.find(':') != std::string::npos;
    request_.method(http::verb::post);
    request_.target(url.path + path);
    request_.set(http::field::host,
                 absl::StrCat(v6 ? "[" : "", url.host, v6 ? "]" : "", ":", url.port));
    request_.set(http::field::user_agent, "faultline");
    request_.set(http::field::content_type, "application/json");
    request_.body() = body;
    request_.keep_alive(false);
    request_.prepare_payload();
    stream_.expires_after(timeout_);
    resolver_.async_resolve(url.host, std::to_string(url.port),
                            [self = shared_from_this()](Error error, const auto& places) {
                              if (error) return self->End("cannot look up the name", error);
                              self->Connect(places);
                            });
  }

  // Set once it is over, unless it was cancelled.
  std::optional<absl::StatusOr<HttpPost::Answer>> outcome;

 private:
  void Connect(const tcp::resolver::results_type& places) {
    stream_.async_connect(places, [self = shared_from_this()](Error error, const auto&) {
      if (error) return self->End("cannot connect", error);
      self->Write();
    });
  }
  void Write() {
    http::async_write(stream_, request_, [self = shared_from_this()](Error error, size_t) {
      if (error) return self->End("cannot send", error);
      self->Read();
    });
  }
  void Read() {
    http::async_read(stream_, buffer_, parser_, [self = shared_from_this()](Error error, size_t) {
      if (error && error != http::error::body_limit) return self->End("no answer", error);
      self->outcome =
          HttpPost::Answer{self->parser_.get().result_int(), std::move(self->parser_.get().body())};
    });
  }
  void End(const char* what, Error error) {
    const bool late = error == beast::error::timeout;
    outcome = absl::UnavailableError(
        absl::StrCat(what, ": ", late ? "it took too long" : error.message()));
  }

  tcp::resolver resolver_;
  beast::tcp_stream stream_;
  const std::chrono::milliseconds timeout_;
  http::request<http::string_body> request_;
  beast::flat_buffer buffer_;
  http::response_parser<http::string_body> parser_;
};

}  // namespace

struct HttpPost::Impl {
  HttpUrl url;
  std::chrono::milliseconds timeout;
  std::atomic<bool> cancelled = false;
  asio::io_context io{1};
};

HttpPost::HttpPost(HttpUrl url, std::chrono::milliseconds timeout) : impl_(new Impl) {
  impl_->url = std::move(url);
  impl_->timeout = timeout;
}

HttpPost::~HttpPost() = default;

absl::StatusOr<HttpPost::Answer> HttpPost::Post(const std::string& path, const std::string& body) {
  impl_->io.restart();
  // After the restart, which would undo a Cancel between the two.
  if (impl_->cancelled) return absl::CancelledError("cancelled");
  const auto exchange = std::make_shared<Exchange>(&impl_->io, impl_->timeout);
  exchange->Start(impl_->url, path, body);
  impl_->io.run();
  if (exchange->outcome) return *std::move(exchange->outcome);
  return absl::CancelledError("cancelled");
}

void HttpPost::Cancel() {
  impl_->cancelled = true;
  impl_->io.stop();
}

}  // namespace faultline
