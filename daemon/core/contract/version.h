#pragma once

namespace faultline {

// Of this daemon, as in the build: "0.1.0".
extern const char* const kDaemonVersion;

}  // namespace faultline
