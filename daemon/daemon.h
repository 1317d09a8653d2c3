#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <memory>
#include <string>
#include <vector>

#include "daemon/core/contract/principal.h"

namespace faultline {

// The options of `faultline serve`; they override the configuration file.
struct ServeOptions {
  std::string config_path;  // empty: all defaults
  std::string data_folder;
  std::string grpc_address;
  std::string socket_path;
  std::string http_address;
  std::string reports_address;
};

// The composition root: all parts of the daemon, built from the store outwards and stopped from the
// network inwards.
//
// Operation:    Start opens the state, restores it, and listens; the bound addresses are then in
//               addresses.json in the data folder. Stop refuses new input, applies and commits the
//               accepted batches, and ends watches and streams. If that takes more than
//               kStopSeconds, the process exits with 1, and the next start continues from the last
//               commit.
// Concurrency:  Start and Stop from one thread at a time, Reload from any.
class Daemon {
 public:
  static constexpr int kStopSeconds = 20;

  // Errors say what to do: INVALID_ARGUMENT for the configuration (with file and line), the errors
  // of OpenRocksStore for the state, FAILED_PRECONDITION or similar for addresses.
  static absl::StatusOr<std::unique_ptr<Daemon>> Start(const ServeOptions& options);
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  // Reloads the configuration and applies it as a whole or not at all. Returns the names of changed
  // fields that need a restart. `by`: who asked.
  absl::StatusOr<std::vector<std::string>> Reload(const Principal& by);
  void Stop();

 private:
  struct Parts;
  explicit Daemon(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

// Runs the daemon until SIGTERM or SIGINT; SIGHUP reloads. The exit code.
int Serve(const ServeOptions& options);

}  // namespace faultline
