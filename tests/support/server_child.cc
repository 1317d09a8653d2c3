#include "tests/support/server_child.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/daemon_child.h"

namespace faultline::testing {
namespace {

// A port that is free at the moment.
uint16_t FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in place{};
  place.sin_family = AF_INET;
  place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof place;
  bind(fd, reinterpret_cast<const sockaddr*>(&place), size);
  getsockname(fd, reinterpret_cast<sockaddr*>(&place), &size);
  close(fd);
  return ntohs(place.sin_port);
}

}  // namespace

ServerChild::ServerChild(std::vector<std::string> arguments, std::string ready_path,
                         std::string log_path)
    : arguments_(std::move(arguments)),
      ready_path_(std::move(ready_path)),
      log_path_(std::move(log_path)) {
  const std::string port = std::to_string(FreePort());
  address_ = "127.0.0.1:" + port;
  for (std::string& argument : arguments_) {
    const size_t at = argument.find("{port}");
    if (at != std::string::npos) argument.replace(at, 6, port);
  }
}

ServerChild::~ServerChild() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

bool ServerChild::Start() {
  pid_ = fork();
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // A test that dies leaves nothing behind.
    const int out = open(log_path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    std::vector<char*> argv;
    for (std::string& argument : arguments_) argv.push_back(argument.data());
    argv.push_back(nullptr);
    execvp(argv[0], argv.data());
    _exit(127);
  }
  bool ended = false;
  const bool up = WaitUntil([&] {
    ended = waitpid(pid_, nullptr, WNOHANG) == pid_;
    std::string answer;
    return ended || HttpRequest(address_, "GET", ready_path_, "", &answer) == 200;
  });
  if (ended) pid_ = -1;
  return up && !ended;
}

void ServerChild::Stop() {
  kill(pid_, SIGTERM);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

std::string ServerChild::log() const { return ReadFile(log_path_); }

bool HasProgram(const std::string& name) {
  return RunCommand({"sh", "-c", "command -v " + name}).exit_code == 0;
}

}  // namespace faultline::testing
