#include "daemon/edge/http/http_client.h"

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

// One request from the look-up of the name to the end of the answer.
class Exchange : public std::enable_shared_from_this<Exchange> {
 public:
  Exchange(asio::io_context* io, const HttpClientOptions& options)
      : resolver_(*io), stream_(*io), timeout_(options.timeout) {
    parser_.body_limit(options.body_bytes_max);
  }

  void Start(const HttpUrl& url, http::request<http::string_body> request) {
    const bool v6 = url.host.find(':') != std::string::npos;
    request_ = std::move(request);
    request_.set(http::field::host,
                 absl::StrCat(v6 ? "[" : "", url.host, v6 ? "]" : "", ":", url.port));
    request_.set(http::field::user_agent, "faultline");
    request_.keep_alive(false);
    request_.prepare_payload();
    stream_.expires_after(timeout_);
    resolver_.async_resolve(url.host, std::to_string(url.port),
                            [self = shared_from_this()](Error error, const auto& places) {
                              if (error) return self->End("cannot look up the name", error);
                              self->Connect(places);
                            });
  }

  // Set when the exchange is over, unless it was cancelled.
  std::optional<absl::StatusOr<HttpClient::Answer>> outcome;

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
      self->outcome = HttpClient::Answer{self->parser_.get().result_int(),
                                         std::move(self->parser_.get().body())};
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

struct HttpClient::Impl {
  absl::StatusOr<Answer> Send(http::request<http::string_body> request);

  HttpUrl url;
  HttpClientOptions options;
  std::atomic<bool> cancelled = false;
  asio::io_context io{1};
};

HttpClient::HttpClient(HttpUrl url, const HttpClientOptions& options) : impl_(new Impl) {
  impl_->url = std::move(url);
  impl_->options = options;
}

HttpClient::~HttpClient() = default;

absl::StatusOr<HttpClient::Answer> HttpClient::Impl::Send(
    http::request<http::string_body> request) {
  io.restart();
  // After the restart, which would undo a Cancel between the two.
  if (cancelled) return absl::CancelledError("cancelled");
  const auto exchange = std::make_shared<Exchange>(&io, options);
  exchange->Start(url, std::move(request));
  io.run();
  if (exchange->outcome) return *std::move(exchange->outcome);
  return absl::CancelledError("cancelled");
}

absl::StatusOr<HttpClient::Answer> HttpClient::Get(const std::string& path) {
  return impl_->Send({http::verb::get, impl_->url.path + path, 11});
}

absl::StatusOr<HttpClient::Answer> HttpClient::Post(const std::string& path,
                                                    const std::string& body) {
  http::request<http::string_body> request(http::verb::post, impl_->url.path + path, 11, body);
  request.set(http::field::content_type, "application/json");
  return impl_->Send(std::move(request));
}

void HttpClient::Cancel() {
  impl_->cancelled = true;
  impl_->io.stop();
}

}  // namespace faultline
