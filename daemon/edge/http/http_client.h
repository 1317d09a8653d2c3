#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "base/http_url.h"

namespace faultline {

struct HttpClientOptions {
  // For a whole exchange, from looking up the name to the end of the answer.
  std::chrono::milliseconds timeout{10'000};
  // Of an answer with a longer body only the code is certain; its body may be cut or empty.
  uint64_t body_bytes_max = 64 << 10;
};

// Sends requests to one address over plain HTTP/1.1, each over a connection of its own.
//
// Concurrency:  one request at a time; Cancel from any thread.
class HttpClient {
 public:
  explicit HttpClient(HttpUrl url, const HttpClientOptions& options = {});
  ~HttpClient();

  struct Answer {
    unsigned code = 0;
    std::string body;
  };
  // `path` is appended to the path of the url. Both block. UNAVAILABLE, with the reason, if there
  // is no complete answer in time; CANCELLED after Cancel.
  absl::StatusOr<Answer> Get(const std::string& path);
  // `body` is JSON.
  absl::StatusOr<Answer> Post(const std::string& path, const std::string& body);
  // Ends the current request, and every later one at once.
  void Cancel();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace faultline
