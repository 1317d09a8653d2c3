#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <memory>
#include <string>

#include "base/http_url.h"

namespace faultline {

// Posts to one address over plain HTTP/1.1, a connection for each.
//
// Concurrency:  one Post at a time; Cancel from any thread.
class HttpPost {
 public:
  HttpPost(HttpUrl url, std::chrono::milliseconds timeout);
  ~HttpPost();

  struct Answer {
    unsigned code = 0;
    std::string body;  // at most 64 KiB
  };
  // `path` follows the path of the url. UNAVAILABLE, with the reason, if no whole answer came in
  // time. Blocks.
  absl::StatusOr<Answer> Post(const std::string& path, const std::string& body);
  // Ends the Post that is under way, and every later one at once.
  void Cancel();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace faultline
