#include "daemon/cli/console/progress.h"

#include <absl/strings/str_cat.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

#include "base/clock.h"
#include "daemon/cli/console/console.h"

namespace faultline::cli {
namespace {

constexpr size_t kBarCells = 24;
constexpr int64_t kTerminalEveryNs = 100'000'000;
constexpr int64_t kPlainEveryNs = 10'000'000'000;

std::string TimeLeft(double seconds) {
  const auto whole = static_cast<uint64_t>(std::llround(std::min(seconds, 1e9)));
  if (whole < 90) return absl::StrCat(whole, " s left");
  if (whole < 5'400) return absl::StrCat(whole / 60, " min left");
  return absl::StrCat(whole / 3'600, " h left");
}

}  // namespace

std::string ProgressLine(const std::string& what, uint64_t rows, double share, double seconds,
                         size_t width) {
  std::string line = what;
  if (share >= 0) {
    share = std::min(share, 1.0);
    const auto full = static_cast<size_t>(share * kBarCells);
    absl::StrAppend(&line, "  [", std::string(full, '#'), std::string(kBarCells - full, '-'), "]  ",
                    static_cast<int>(share * 100), " %");
  }
  absl::StrAppend(&line, "  ", Grouped(rows), " rows");
  if (seconds > 0.5) {
    absl::StrAppend(&line, "  ",
                    Grouped(static_cast<uint64_t>(static_cast<double>(rows) / seconds)), "/s");
    if (share > 0.01) {
      absl::StrAppend(&line, "  ", TimeLeft(seconds * (1 - share) / share));
    }
  }
  return Cut(line, width);
}

Progress::Progress(std::string what, bool quiet)
    : what_(std::move(what)),
      quiet_(quiet),
      terminal_(isatty(STDERR_FILENO) == 1),
      start_ns_(SteadyNowNs()),
      shown_ns_(start_ns_) {}

void Progress::Update(uint64_t rows, double share) {
  std::lock_guard lock(mutex_);
  const int64_t now = SteadyNowNs();
  if (quiet_ || now - shown_ns_ < (terminal_ ? kTerminalEveryNs : kPlainEveryNs)) return;
  shown_ns_ = now;
  const std::string line =
      ProgressLine(what_, rows, share, seconds(), std::max<size_t>(TerminalStyle().width, 20) - 1);
  if (terminal_) {
    std::fprintf(stderr, "\r\x1b[K%s", line.c_str());
    on_screen_ = true;
  } else {
    std::fprintf(stderr, "%s\n", line.c_str());
  }
  std::fflush(stderr);
}

void Progress::Say(const std::string& line) {
  if (!quiet_) Warn(line);
}

void Progress::Warn(const std::string& line) {
  std::lock_guard lock(mutex_);
  Clear();
  std::fprintf(stderr, "%s\n", line.c_str());
}

void Progress::Finish() {
  std::lock_guard lock(mutex_);
  Clear();
}

double Progress::seconds() const { return static_cast<double>(SteadyNowNs() - start_ns_) / 1e9; }

void Progress::Clear() {
  if (std::exchange(on_screen_, false)) std::fputs("\r\x1b[K", stderr);
}

}  // namespace faultline::cli
