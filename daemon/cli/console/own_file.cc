#include "daemon/cli/console/own_file.h"

#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "daemon/cli/console/console.h"
#include "daemon/cli/console/outcome.h"

namespace faultline::cli {

int WriteOwnFile(const std::string& path, std::string_view text) {
  if (path == "-") return Print(text) ? kExitOk : kExitFailed;
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  bool written = fd >= 0;
  while (written && !text.empty()) {
    const ssize_t bytes = write(fd, text.data(), text.size());
    written = bytes > 0 || (bytes < 0 && errno == EINTR);
    if (bytes > 0) text.remove_prefix(static_cast<size_t>(bytes));
  }
  if (fd >= 0 && close(fd) != 0) written = false;
  if (!written) {
    return Complain(absl::StrCat("cannot write ", path, ": ", std::strerror(errno)), kExitFailed);
  }
  return Print(absl::StrCat("Wrote ", Printable(path), ".\n")) ? kExitOk : kExitFailed;
}

}  // namespace faultline::cli
