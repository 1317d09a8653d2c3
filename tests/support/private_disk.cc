#include "tests/support/private_disk.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

namespace faultline::testing {

PrivateDisk::PrivateDisk(uint64_t bytes) {
  int to_keeper[2], from_keeper[2];
  if (pipe2(to_keeper, O_CLOEXEC) != 0 || pipe2(from_keeper, O_CLOEXEC) != 0) return;
  const std::string options = "mode=0700,size=" + std::to_string(bytes);
  const std::string script =
      "mount -t tmpfs -o " + options + " none \"$0\" && echo mounted && read -r end";
  keeper_ = fork();
  if (keeper_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(to_keeper[0], STDIN_FILENO);
    dup2(from_keeper[1], STDOUT_FILENO);
    dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
    execlp("unshare", "unshare", "-rm", "sh", "-c", script.c_str(), folder_.path().c_str(),
           static_cast<char*>(nullptr));
    _exit(127);
  }
  close(to_keeper[0]);
  close(from_keeper[1]);
  lifeline_ = to_keeper[1];
  char word = 0;
  mounted_ = read(from_keeper[0], &word, 1) == 1 && word == 'm';
  close(from_keeper[0]);
}

PrivateDisk::~PrivateDisk() {
  if (lifeline_ >= 0) close(lifeline_);
  if (keeper_ <= 0) return;
  kill(keeper_, SIGKILL);
  waitpid(keeper_, nullptr, 0);
}

std::string PrivateDisk::path() const {
  return "/proc/" + std::to_string(keeper_) + "/root" + folder_.path();
}

void PrivateDisk::Fill(const std::string& name) const {
  std::ofstream ballast(File(name), std::ios::binary);
  while (ballast << std::string(4096, 'x') << std::flush) {
  }
}

}  // namespace faultline::testing
