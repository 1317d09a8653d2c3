#include "tests/support/daemon_child.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

namespace faultline::testing {
namespace {

namespace fs = std::filesystem;

int ExitCode(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// Forks and executes; output goes to the file descriptor.
pid_t Spawn(const std::vector<std::string>& arguments, const std::vector<std::string>& environment,
            int input, int output) {
  const pid_t pid = fork();
  if (pid != 0) return pid;
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // A test that dies leaves nothing behind.
  dup2(input, STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  for (const std::string& variable : environment) putenv(const_cast<char*>(variable.c_str()));
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  execvp(argv[0], argv.data());
  _exit(127);
}

// What chunks of a body hold together.
std::string WithoutChunks(const std::string& body) {
  std::string whole;
  for (size_t at = 0; at < body.size();) {
    const size_t line = body.find("\r\n", at);
    const size_t size = line == std::string::npos ? 0 : std::stoul(body.substr(at), nullptr, 16);
    if (size == 0) break;
    whole += body.substr(line + 2, size);
    at = line + 2 + size + 2;
  }
  return whole;
}

}  // namespace

TempFolder::TempFolder() {
  std::string pattern = (fs::temp_directory_path() / "faultline-test-XXXXXX").string();
  path_ = mkdtemp(pattern.data());
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

void WriteFile(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

std::string ReadFile(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

CommandOutcome RunCommand(const std::vector<std::string>& arguments,
                          const std::vector<std::string>& environment, const std::string& input) {
  TempFolder folder;
  WriteFile(folder.File("in"), input);
  const int in = open(folder.File("in").c_str(), O_RDONLY | O_CLOEXEC);
  const int out = open(folder.File("out").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  const pid_t pid = Spawn(arguments, environment, in, out);
  close(in);
  close(out);
  int status = 0;
  waitpid(pid, &status, 0);
  return {ExitCode(status), ReadFile(folder.File("out"))};
}

DaemonChild::DaemonChild(std::string binary, std::string config) : binary_(std::move(binary)) {
  Reconfigure(config);
}

DaemonChild::~DaemonChild() {
  if (pid_ > 0) Kill();
}

void DaemonChild::Reconfigure(const std::string& config) { WriteFile(config_path(), config); }

std::vector<std::string> DaemonChild::Arguments() const {
  return {binary_,         "serve",       "--config", config_path(),
          "--data-folder", data_folder(), "--grpc",   "127.0.0.1:0",
          "--http",        "127.0.0.1:0", "--socket", folder_.File("socket"),
          "--reports",     "127.0.0.1:0"};
}

bool DaemonChild::Start() {
  Launch();
  return AwaitReady();
}

void DaemonChild::Launch() {
  const int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
  const int out =
      open(folder_.File("log").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  std::error_code ignored;
  fs::remove(data_folder() + "/addresses.json", ignored);
  pid_ = Spawn(Arguments(), environment_, in, out);
  close(in);
  close(out);
}

bool DaemonChild::AwaitReady() {
  bool ended = false;
  const bool up = WaitUntil([&] {
    ended = Ended().has_value();
    return ended || ReadAddresses();
  });
  return up && !ended;
}

std::optional<int> DaemonChild::Ended() {
  int status = 0;
  if (pid_ <= 0 || waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
  pid_ = -1;
  return ExitCode(status);
}

CommandOutcome DaemonChild::StartAndFail() { return RunCommand(Arguments(), environment_); }

bool DaemonChild::ReadAddresses() {
  const std::string text = ReadFile(data_folder() + "/addresses.json");
  std::smatch match;
  if (!std::regex_search(text, match, std::regex(R"r("grpc": ?"([^"]*)")r"))) return false;
  grpc_address_ = match[1];
  if (!std::regex_search(text, match, std::regex(R"r("http": ?"([^"]*)")r"))) return false;
  http_address_ = match[1];
  if (std::regex_search(text, match, std::regex(R"r("reports": ?"([^"]*)")r"))) {
    reports_address_ = match[1];
  }
  return text.find('}') != std::string::npos;
}

void DaemonChild::Kill() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

int DaemonChild::Terminate() {
  kill(pid_, SIGTERM);
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  return ExitCode(status);
}

std::string DaemonChild::log() const { return ReadFile(folder_.File("log")); }

uint64_t DaemonChild::ResidentBytes() const {
  std::ifstream statm("/proc/" + std::to_string(pid_) + "/statm");
  uint64_t total = 0;
  uint64_t resident = 0;
  statm >> total >> resident;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

int HttpRequest(const std::string& address, const std::string& method, const std::string& path,
                const std::string& body, std::string* answer) {
  answer->clear();
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
    close(fd);
    return 0;
  }
  const std::string request = method + " " + path +
                              " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                              "Content-Length: " +
                              std::to_string(body.size()) + "\r\n\r\n" + body;
  for (size_t sent = 0; sent < request.size();) {
    const ssize_t n = send(fd, request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) break;
    sent += static_cast<size_t>(n);
  }
  std::string response;
  char buffer[65536];
  for (ssize_t n = 0; (n = read(fd, buffer, sizeof buffer)) > 0;) {
    response.append(buffer, static_cast<size_t>(n));
  }
  close(fd);
  const size_t head = response.find("\r\n\r\n");
  if (head == std::string::npos || response.size() < 12) return 0;
  *answer = response.substr(head + 4);
  const bool chunked = response.find("\r\nTransfer-Encoding: chunked\r\n") < head;
  if (chunked) *answer = WithoutChunks(*answer);
  return std::stoi(response.substr(9, 3));
}

}  // namespace faultline::testing
