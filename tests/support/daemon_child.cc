#include "tests/support/daemon_child.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include "base/http_url.h"
#include "daemon/edge/http/http_client.h"

namespace faultline::testing {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::minutes kHttpPatience{2};

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
  const absl::StatusOr<HttpUrl> url = ParseHttpUrl("http://" + address);
  if (!url.ok()) return 0;
  HttpClient client(*url, {.timeout = kHttpPatience, .body_bytes_max = UINT64_MAX});
  const auto got = method == "GET" ? client.Get(path) : client.Post(path, body);
  if (!got.ok()) return 0;
  *answer = got->body;
  return static_cast<int>(got->code);
}

}  // namespace faultline::testing
