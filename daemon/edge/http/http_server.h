#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace faultline {

struct HttpRequest {
  std::string method;  // "GET"
  std::string target;  // the path, and the query behind a "?"
  // In the order received; names are in lower case.
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;  // empty unless the route reads bodies

  // The value of the first header of that name (in lower case); empty if there is none.
  std::string_view Header(std::string_view name) const;
};

struct HttpAnswer {
  unsigned code = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  std::string header = {};  // further lines, each ending in CR LF
};

// Must be called once, from any thread, at any time, even after the connection or the server is
// gone.
using HttpReply = std::function<void(HttpAnswer)>;
using HttpHandler = std::function<void(const HttpRequest& request, const HttpReply& reply)>;

enum class HttpMethods : uint8_t {
  kRead,  // GET, HEAD
  kPost,
  kPostOrPut,
};

enum class HttpRun : uint8_t {
  kInTurn,  // on a thread for all routes of this kind, one request after the other
  kAtOnce,  // on the server's thread: must be quick
  kShared,  // on a thread for pages. Requests that come while an answer is being written share the
            // next one, so the handler gets an empty request.
};

// One address of the server: what it accepts and what answers it.
struct HttpRoute {
  std::string path;  // begins with "/"
  HttpHandler handler;
  HttpMethods methods = HttpMethods::kRead;
  HttpRun run = HttpRun::kInTurn;
  bool subtree = false;  // also every address below the path
  bool body = false;     // reads the body of a request
  // Called on the server's thread when a body is refused for its size (413); may be null.
  std::function<void()> oversize = nullptr;
};

// The handlers of a probe: 200 and `text` if `check` is OK, else 503 and its message.
HttpHandler ProbeHandler(std::string text, std::function<absl::Status()> check);

struct HttpOptions {
  // "127.0.0.1:7071" or "[::1]:7071"; port 0 takes a free one.
  std::string address = "127.0.0.1:7071";
  // If set, requests must name the server by this name, localhost or an IP address; otherwise 421.
  // Protects pages that people open in a browser from DNS rebinding.
  std::optional<std::string> host = {};
  uint32_t connections_max = 1'000;
  uint64_t body_bytes_max = 4 << 20;
  // For receiving a whole request, for sending an answer, and for an idle connection.
  std::chrono::milliseconds timeout{10'000};
  // For a reply of a route; after it 504.
  std::chrono::milliseconds answer_timeout{60'000};
};

struct HttpReading {
  uint64_t connections = 0;                  // open now
  uint64_t connections_refused = 0;          // since the start
  std::map<std::string, uint64_t> requests;  // by route and code: "/metrics 200"
};

// HTTP/1.1 for scrapers, probes and curl. All that it knows of the daemon is its routes.
//
// Operation:    one thread for all connections, one for the routes that run in turn, one for shared
//               pages. A slow or silent client costs its connection and nothing else: no client
//               waits for another. Keep-alive and pipelining, HEAD, Expect.
// Limits:       header 8 KiB (431), body (413), connections (the connection that keeps the server
//               waiting longest is closed; 503 if none does), bodies being received together four
//               times the largest (503), shared answers in memory 4 per route, the times of
//               HttpOptions.
//
// A request of HTTP/1.1 has one Host header (400). A body in an encoding other than chunked
// transfer is refused (415). Requests other than GET and HEAD are refused (403) if a web page sent
// them.
class HttpServer {
 public:
  // UNAVAILABLE if the port is in use, INVALID_ARGUMENT for an invalid address, or the system's
  // error. Each path may have one route.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(HttpOptions options,
                                                           std::vector<HttpRoute> routes);
  // As Stop(0).
  ~HttpServer();

  // Accepts no new connections and requests, waits up to `grace` for pending answers, then closes
  // everything. Idempotent.
  void Stop(std::chrono::milliseconds grace);
  uint16_t port() const;
  // The address of the options with that port.
  std::string address() const;
  HttpReading Read() const;

 private:
  struct Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace faultline
