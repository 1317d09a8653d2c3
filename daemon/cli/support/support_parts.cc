#include "daemon/cli/support/support_parts.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <regex>

namespace faultline::cli {
namespace {

constexpr size_t kTarBlock = 512;

absl::Status Failed(const std::string& what, int error) {
  const std::string message = absl::StrCat(what, ": ", std::strerror(error));
  return error == EEXIST ? absl::AlreadyExistsError(message) : absl::UnavailableError(message);
}

// Closes a file descriptor at the end of its scope.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

// One entry of a POSIX ustar archive.
std::string TarHeader(const std::string& name, size_t bytes, int64_t seconds) {
  std::array<char, kTarBlock> block{};
  const auto put = [&block](size_t at, const std::string& text) {
    std::memcpy(block.data() + at, text.data(), std::min(text.size(), kTarBlock - at));
  };
  put(0, name.substr(0, 99));
  put(100, "0000600");
  put(108, "0000000");
  put(116, "0000000");
  put(124, absl::StrFormat("%011o", bytes));
  put(136, absl::StrFormat("%011o", seconds));
  put(148, "        ");
  put(156, "0");
  put(257, std::string("ustar\0"
                       "00",
                       8));
  unsigned sum = 0;
  for (const char c : block) sum += static_cast<unsigned char>(c);
  put(148, absl::StrFormat("%06o", sum) + std::string("\0 ", 2));
  return {block.data(), block.size()};
}

absl::Status WriteAll(int fd, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0) return Failed(path, errno);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

}  // namespace

std::string WithoutSecrets(std::string_view yaml) {
  // A key whose name hints at a secret, its colon, and its value up to the end of a flow entry.
  static const std::regex secret(
      R"re(((?:^|[\s{,"'-])["']?[\w.-]*)re"
      R"re((?:passw|passphrase|secret|token|credential|private|api_?key|auth))re"
      R"re([\w.-]*["']?\s*:)[^\n,}]*)re",
      std::regex::icase);
  static const std::regex user(R"re((://)[^/\s"'@]*@)re");
  static const std::regex query(R"re((://[^\s"'?#]*)[?#][^\s"']*)re");
  std::string out;
  size_t block_indent = std::string::npos;  // of a secret written as a block of lines
  while (!yaml.empty()) {
    const size_t end = std::min(yaml.find('\n'), yaml.size());
    std::string line(yaml.substr(0, end));
    yaml.remove_prefix(std::min(end + 1, yaml.size()));
    const size_t indent = std::min(line.find_first_not_of(' '), line.size());
    if (block_indent != std::string::npos && (indent > block_indent || indent == line.size())) {
      continue;
    }
    block_indent = std::regex_search(line, secret) ? indent : std::string::npos;
    line = std::regex_replace(line, secret, "$1 <removed>");
    line = std::regex_replace(line, user, "$1<removed>@");
    out += std::regex_replace(line, query, "$1?<removed>") + "\n";
  }
  return out;
}

v1::Incident WithoutPayload(v1::Incident incident) {
  incident.clear_evidence();
  incident.clear_summary();
  incident.clear_runbook_url();
  for (v1::IncidentEvent& event : *incident.mutable_timeline()) event.clear_text();
  for (v1::Alert& alert : *incident.mutable_alerts()) {
    alert.mutable_verdict()->clear_detail();
    alert.mutable_peak()->clear_detail();
  }
  return incident;
}

absl::Status WriteArchive(const std::string& path, const std::string& top,
                          const std::vector<BundleFile>& files, int64_t time_ns) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return Failed(path, errno);
  gzFile out = gzdopen(fd, "wb6");
  if (out == nullptr) {
    close(fd);
    return absl::ResourceExhaustedError(path + ": no memory to compress with");
  }
  std::string tar;
  for (const auto& [name, bytes] : files) {
    tar += TarHeader(absl::StrCat(top, "/", name), bytes.size(), time_ns / 1'000'000'000);
    tar += bytes;
    tar.append((kTarBlock - bytes.size() % kTarBlock) % kTarBlock, '\0');
  }
  tar.append(2 * kTarBlock, '\0');
  const bool written =
      gzwrite(out, tar.data(), static_cast<unsigned>(tar.size())) == static_cast<int>(tar.size());
  if (gzclose(out) == Z_OK && written) return absl::OkStatus();
  absl::Status failed = Failed(path, errno);
  unlink(path.c_str());
  return failed;
}

absl::Status WriteFolder(const std::string& path, const std::vector<BundleFile>& files) {
  if (mkdir(path.c_str(), 0700) != 0) return Failed(path, errno);
  for (const auto& [name, bytes] : files) {
    const std::string file = absl::StrCat(path, "/", name);
    const Descriptor fd(open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (fd.get() < 0) return Failed(file, errno);
    absl::Status written = WriteAll(fd.get(), bytes, file);
    if (!written.ok()) return written;
  }
  return absl::OkStatus();
}

}  // namespace faultline::cli
