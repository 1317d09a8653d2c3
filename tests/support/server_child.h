#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace faultline::testing {

// A program of others that serves HTTP on a port of loopback, as a child process.
class ServerChild {
 public:
  // `arguments`: the program and its arguments, with {port} where the port goes. `ready_path`: an
  // address that answers 200 once it serves. Its output goes to `log_path`.
  ServerChild(std::vector<std::string> arguments, std::string ready_path, std::string log_path);
  // Kills it if it still runs.
  ~ServerChild();
  ServerChild(const ServerChild&) = delete;
  ServerChild& operator=(const ServerChild&) = delete;

  // Starts it, on the same port every time, and waits until it serves.
  bool Start();
  // SIGTERM, and waits for its end.
  void Stop();

  const std::string& address() const { return address_; }
  std::string log() const;

 private:
  std::vector<std::string> arguments_;
  std::string ready_path_;
  std::string log_path_;
  std::string address_;
  pid_t pid_ = -1;
};

// Whether a program is installed.
bool HasProgram(const std::string& name);

}  // namespace faultline::testing
