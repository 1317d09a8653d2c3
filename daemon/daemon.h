#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <memory>
#include <string>
#include <vector>

#include "daemon/core/contract/principal.h"

namespace faultline {

// What `faultline serve` is told on its command line; what is set wins over the file.
struct ServeOptions {
  std::string config_path;  // empty: all defaults
  std::string data_folder;
  std::string grpc_address;
  std::string socket_path;
  std::string http_address;
  std::string reports_address;
};

// The composition root: everything the daemon is made of, built from the store outwards and stopped
// from the edges inwards.
//
// Operation:    Start opens the state, restores it, and listens; the bound addresses are then in
//               addresses.json in the data folder. Stop: nothing new comes in, what is in is
//               applied and committed, watchers and streams are ended; within kStopSeconds, or the
//               process exits with 1 and the next start goes on from the last commit.
// Concurrency:  Start and Stop from one thread at a time, Reload from any.
class Daemon {
 public:
  static constexpr int kStopSeconds = 20;

  // Errors say what to do: INVALID_ARGUMENT for the configuration (with file and line), what
  // OpenRocksStore gives for the state, FAILED_PRECONDITION or the like for addresses.
  static absl::StatusOr<std::unique_ptr<Daemon>> Start(const ServeOptions& options);
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  // Reads the configuration again and takes it over as a whole or not at all. The names of fields
  // that changed but need a restart. `by`: who asked.
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
