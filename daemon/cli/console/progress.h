#pragma once

#include <cstdint>
#include <mutex>
#include <string>

namespace faultline::cli {

// "elec2  [######------]  45 %  12 345 rows  10 200/s  3 s left" on one line of at most `width`
// columns. `share` (0 to 1) may be negative: not known, so there is neither bar nor time left.
std::string ProgressLine(const std::string& what, uint64_t rows, double share, double seconds,
                         size_t width);

// Says on standard error how far something is: a line that is written over on a terminal, a new one
// every 10 s elsewhere, nothing if it is quiet.
//
// Concurrency:  thread-safe.
class Progress {
 public:
  Progress(std::string what, bool quiet);
  // May be called often; shown at most ten times a second.
  void Update(uint64_t rows, double share);
  // Writes a line of its own; the progress continues below it.
  void Say(const std::string& line);
  // The same, even if it is quiet.
  void Warn(const std::string& line);
  // Removes the line.
  void Finish();
  double seconds() const;

 private:
  void Clear();

  const std::string what_;
  const bool quiet_;
  const bool terminal_;
  const int64_t start_ns_;
  std::mutex mutex_;
  int64_t shown_ns_;
  bool on_screen_ = false;
};

}  // namespace faultline::cli
