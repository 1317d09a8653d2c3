#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/wait.h"

namespace faultline::testing {

// A folder under the system's temporary one, removed with its content at the end.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const std::string& path() const { return path_; }
  std::string File(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

void WriteFile(const std::string& path, const std::string& text);
std::string ReadFile(const std::string& path);

// What a command printed, and how it ended.
struct CommandOutcome {
  int exit_code = -1;  // 128 + signal if a signal ended it
  std::string output;  // standard output and error
};
// Runs a program to its end. `environment`: NAME=VALUE, added to ours.
CommandOutcome RunCommand(const std::vector<std::string>& arguments,
                          const std::vector<std::string>& environment = {},
                          const std::string& input = "");

// The real daemon as a child process, on ports of its own.
class DaemonChild {
 public:
  // `config`: YAML without data_folder and listen; the folder is kept over restarts.
  DaemonChild(std::string binary, std::string config);
  // Kills it if it still runs.
  ~DaemonChild();
  DaemonChild(const DaemonChild&) = delete;
  DaemonChild& operator=(const DaemonChild&) = delete;

  // NAME=VALUE, added to the environment of later starts.
  void SetEnvironment(std::vector<std::string> environment) {
    environment_ = std::move(environment);
  }
  // Starts it and waits until it is ready. False, with its log in log(), if it ends before.
  bool Start();
  // Starts it and does not wait.
  void Launch();
  // Waits until it is ready; false if it ends before.
  bool AwaitReady();
  // Starts it and waits for its end, for starts that must fail.
  CommandOutcome StartAndFail();
  // SIGKILL, and waits for its end.
  void Kill();
  // Whether it has ended by itself; its exit code then.
  std::optional<int> Ended();
  // SIGTERM, and waits for its end; gives its exit code.
  int Terminate();

  pid_t pid() const { return pid_; }
  std::string data_folder() const { return folder_.File("state"); }
  std::string socket_address() const { return "unix:" + folder_.File("socket"); }
  // "127.0.0.1:port", known once it is ready.
  const std::string& grpc_address() const { return grpc_address_; }
  const std::string& http_address() const { return http_address_; }
  const std::string& reports_address() const { return reports_address_; }
  std::string config_path() const { return folder_.File("config.yaml"); }
  void Reconfigure(const std::string& config);
  std::string log() const;
  uint64_t ResidentBytes() const;

 private:
  std::vector<std::string> Arguments() const;
  bool ReadAddresses();

  TempFolder folder_;
  std::string binary_;
  std::vector<std::string> environment_;
  pid_t pid_ = -1;
  std::string grpc_address_;
  std::string http_address_;
  std::string reports_address_;
};

// GET or POST over plain HTTP/1.1; the status code, 0 if there was no answer.
int HttpRequest(const std::string& address, const std::string& method, const std::string& path,
                const std::string& body, std::string* answer);

}  // namespace faultline::testing
