#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace faultline {

// An address to post to.
struct HttpUrl {
  std::string host;  // a name, or an IP address without brackets
  uint16_t port = 0;
  std::string path;  // empty, or begins with '/' and does not end with one

  bool operator==(const HttpUrl&) const = default;
};

// "http://host", "http://host:9093/path", "http://[::1]:9093"; port 80 unless it names one.
// INVALID_ARGUMENT for another scheme, a user, a query, a fragment, or an invalid host.
absl::StatusOr<HttpUrl> ParseHttpUrl(std::string_view text);

}  // namespace faultline
