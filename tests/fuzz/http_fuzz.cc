// What a client sends over HTTP. The first byte chooses the server's settings and how the rest
// comes in pieces.
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <charconv>

#include "base/check.h"
#include "daemon/edge/http/http_core.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/mutate.h"

namespace faultline::fuzz {
namespace {

namespace asio = boost::asio;
using Error = boost::system::error_code;

constexpr uint64_t kBodyBytesMax = 8 << 10;

std::vector<HttpRoute> Routes() {
  const auto metrics = [](const HttpRequest&, const HttpReply& reply) {
    reply({200, "text/plain", "up 1\n"});
  };
  const auto reload = [](const HttpRequest&, const HttpReply& reply) {
    reply({200, "text/plain", "reloaded\n"});
  };
  const auto events = [](const HttpRequest& request, const HttpReply& reply) {
    FAULTLINE_CHECK(request.body.size() <= kBodyBytesMax, "a body is bounded");
    reply({200, "text/plain", "took " + request.body});
  };
  const auto incidents = [](const HttpRequest& request, const HttpReply& reply) {
    const std::string& target = request.target;
    FAULTLINE_CHECK(target.starts_with("/incidents"), "a route answers below its path alone");
    FAULTLINE_CHECK(target.find_first_of("\r\n ") == std::string::npos, "a target is one word");
    reply({200, "text/html", target});
  };
  const auto unready = [] { return absl::UnavailableError("starting"); };
  return {
      {.path = "/metrics", .handler = metrics, .run = HttpRun::kShared},
      {.path = "/-/healthy",
       .handler = ProbeHandler("ok", [] { return absl::OkStatus(); }),
       .run = HttpRun::kAtOnce},
      {.path = "/-/ready", .handler = ProbeHandler("ready", unready), .run = HttpRun::kAtOnce},
      {.path = "/-/reload", .handler = reload, .methods = HttpMethods::kPostOrPut},
      {.path = "/v1/events", .handler = events, .methods = HttpMethods::kPost, .body = true},
      {.path = "/incidents", .handler = incidents, .subtree = true},
  };
}

HttpCore& Core(bool named) {
  static HttpCore open({.body_bytes_max = kBodyBytesMax}, Routes());
  static HttpCore strict({.host = "reports.example", .body_bytes_max = kBodyBytesMax}, Routes());
  return named ? strict : open;
}

// The client's end of one connection.
class Client {
 public:
  Client(asio::io_context* io, int socket, std::string_view bytes, size_t piece)
      : socket_(*io, asio::local::stream_protocol(), socket), rest_(bytes), piece_(piece) {}

  void Start() {
    Send();
    Receive();
  }
  const std::string& received() const { return received_; }
  bool closed() const { return closed_; }

 private:
  // Piece by piece, so that the server sees requests cut anywhere.
  void Send() {
    if (rest_.empty()) {
      Error ignored;
      socket_.shutdown(asio::socket_base::shutdown_send, ignored);
      return;
    }
    const auto piece = asio::buffer(rest_.data(), std::min(piece_, rest_.size()));
    asio::async_write(socket_, piece, [this](Error error, size_t bytes) {
      rest_.remove_prefix(error ? rest_.size() : bytes);
      Send();
    });
  }
  void Receive() {
    socket_.async_read_some(asio::buffer(buffer_), [this](Error error, size_t bytes) {
      received_.append(buffer_.data(), bytes);
      closed_ = static_cast<bool>(error);
      if (!error) Receive();
    });
  }

  asio::local::stream_protocol::socket socket_;
  std::string_view rest_;
  const size_t piece_;
  std::array<char, 16 << 10> buffer_;
  std::string received_;
  bool closed_ = false;
};

// Takes one answer from the front: a head with a length, and a body unless only the head was asked
// for. No body begins as an answer does, so what comes next tells.
void TakeAnswer(bool heads, std::string_view* answers) {
  const size_t end = answers->find("\r\n\r\n");
  FAULTLINE_CHECK(end != std::string_view::npos, "an answer has a whole head");
  const std::string_view head = answers->substr(0, end + 2);
  answers->remove_prefix(end + 4);
  FAULTLINE_CHECK(head.starts_with("HTTP/1.1 ") && head.size() > 14, "an answer begins so");
  unsigned code = 0;
  std::from_chars(head.data() + 9, head.data() + 12, code);
  FAULTLINE_CHECK(code >= 100 && code < 600, "it has a code");
  if (code == 100) return;
  constexpr std::string_view kLength = "\r\nContent-Length: ";
  const size_t at = head.find(kLength);
  FAULTLINE_CHECK(at != std::string_view::npos, "it says how long it is");
  size_t length = 0;
  std::from_chars(head.data() + at + kLength.size(), head.data() + head.size(), length);
  if (heads && (answers->empty() || answers->starts_with("HTTP/1.1 "))) return;
  FAULTLINE_CHECK(length <= answers->size(), "and is as long");
  answers->remove_prefix(length);
}

}  // namespace

void Run(std::string_view bytes) {
  if (bytes.empty()) return;
  const auto choice = static_cast<unsigned char>(bytes.front());
  HttpCore& core = Core((choice & 1) != 0);
  const size_t piece = (choice & 2) != 0 ? 1 + choice / 4 : bytes.size();
  int ends[2];
  FAULTLINE_CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "there are sockets");
  Client client(&core.io(), ends[0], bytes.substr(1), piece);
  std::weak_ptr<HttpSession> alive;
  {
    const auto session = std::make_shared<HttpSession>(
        &core, asio::ip::tcp::socket(core.io(), asio::ip::tcp::v4(), ends[1]));
    alive = session;
    session->Start();
  }
  client.Start();
  core.io().restart();
  core.io().run();
  FAULTLINE_CHECK(client.closed() && alive.expired(), "who ends a connection is let go");
  std::string_view answers = client.received();
  const bool heads = bytes.find("HEAD") != std::string_view::npos;
  while (!answers.empty()) TakeAnswer(heads, &answers);
}

void Mutate(Random* dice, size_t bytes_max, std::string* bytes) {
  MutateText(dice,
             {"GET ",
              "HEAD ",
              "POST ",
              "PUT ",
              "/",
              "/metrics",
              "/-/ready",
              "/-/healthy",
              "/-/reload",
              "/v1/events",
              "/incidents",
              "/incidents/x?a=b",
              " HTTP/1.1\r\n",
              " HTTP/1.0\r\n",
              "Host: x\r\n",
              "Host: reports.example\r\n",
              "Host: [::1]\r\n",
              "Content-Length: 5\r\n",
              "Content-Length: 18446744073709551615\r\n",
              "Transfer-Encoding: chunked\r\n",
              "5\r\nhello\r\n0\r\n\r\n",
              "ffffffffffffffff\r\n",
              "Expect: 100-continue\r\n",
              "Connection: close\r\n",
              "Connection: keep-alive\r\n",
              "Origin: http://x\r\n",
              "Content-Type: a/b\r\n",
              "\r\n",
              "\r\n\r\n",
              "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"},
             bytes_max, bytes);
}

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  for (const char* choice : {"a", "b", "c"}) {
    for (const char* request :
         {"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:7071\r\n\r\n"
          "HEAD / HTTP/1.1\r\nHost: reports.example\r\n\r\nGET /-/ready HTTP/1.0\r\n\r\n",
          "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
          "Expect: 100-continue\r\n\r\nhelloGET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n",
          "POST /v1/events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
          "chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
          "PUT /-/reload HTTP/1.1\r\nHost: x\r\n\r\nPOST /-/reload HTTP/1.1\r\nHost: x\r\nOrigin: "
          "x\r\n\r\n",
          "GET /incidents/01?model=credit HTTP/1.1\r\nHost: [::1]:7072\r\n"
          "Connection: close\r\n\r\n"}) {
      seeds.push_back(std::string(choice) + request);
    }
  }
  return seeds;
}

}  // namespace faultline::fuzz
