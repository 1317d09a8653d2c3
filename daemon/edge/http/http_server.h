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
#include <utility>
#include <vector>

namespace faultline {

struct HttpRequest {
  std::string content_type;
  std::string body;
};

struct HttpAnswer {
  unsigned code = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  std::string header = {};  // further lines, each ending in CR LF
};

// Called once, from any thread, at any time, also when the connection or the server is gone.
using HttpReply = std::function<void(HttpAnswer)>;

// What the server's addresses do. It knows nothing else of the daemon. One that does nothing is not
// there.
struct HttpRoutes {
  // GET /metrics. Called on a thread of its own, one call at a time; scrapers that come meanwhile
  // share the next page.
  std::function<std::string()> metrics;
  // GET /-/healthy and /-/ready. Called on the server's thread: must be quick. Not OK: 503.
  std::function<absl::Status()> healthy;
  std::function<absl::Status()> ready;
  // POST or PUT /-/reload, POST /v1/events. Called on a second thread of their own.
  std::function<void(HttpReply)> reload;
  std::function<void(HttpRequest, HttpReply)> events;
  // GET /incidents and all below it, by its address with the query. On that second thread too. With
  // it, GET / leads there.
  std::function<void(std::string target, HttpReply)> incidents;
  // GET /: what else there is, as (what, where).
  std::vector<std::pair<std::string, std::string>> front;
};

struct HttpOptions {
  // "127.0.0.1:7071" or "[::1]:7071"; port 0 takes a free one.
  std::string address = "127.0.0.1:7071";
  // If set, requests must call the server by this name, localhost or an IP address; else 421. For
  // what people read in a browser: a web page from elsewhere can have its own name lead here.
  std::optional<std::string> host = {};
  uint32_t connections_max = 1'000;
  uint64_t body_bytes_max = 4 << 20;
  // For a whole request to come, an answer to be taken, a connection to be idle.
  std::chrono::milliseconds timeout{10'000};
  // For a reply of a route; then 504.
  std::chrono::milliseconds answer_timeout{60'000};
};

struct HttpReading {
  uint64_t connections = 0;                  // open now
  uint64_t connections_refused = 0;          // since the start
  std::map<std::string, uint64_t> requests;  // by route and code: "/metrics 200"
};

// HTTP/1.1 for scrapers, probes and curl.
//
// Operation:    one thread for all connections, plus one that writes metrics pages and one that
//               runs reload and events. A slow or silent client costs its connection and nothing
//               else: no client waits for another. Keep-alive and pipelining, HEAD, Expect.
// Limits:       header 8 KiB (431), body (413), connections (the one that keeps the server waiting
//               longest is closed; 503 if none does), bodies being received together
//               four times the largest (503), pages in memory 4, the times of HttpOptions.
// Requests that change something are refused (403) if a web page sent them.
class HttpServer {
 public:
  // UNAVAILABLE if the port is in use, INVALID_ARGUMENT if it is no address, or what the system
  // says.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(HttpOptions options, HttpRoutes routes);
  // As Stop(0).
  ~HttpServer();

  // Takes no new connections and requests; gives those that are being answered this long; then
  // closes everything. Idempotent.
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
