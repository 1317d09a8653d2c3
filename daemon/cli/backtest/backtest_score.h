#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace faultline::cli {

// One alarm of a backtest: where it came, in data rows of the file from 0.
struct BacktestAlarm {
  uint64_t row = 0;
  std::string signal;
  int64_t fire_ns = 0;  // event time at the end of the pane; 0 for rules that see single rows
  bool operator==(const BacktestAlarm&) const = default;
};

// The alarms of one rule, over all signals.
struct BacktestRule {
  std::string run;   // which configuration and budget, "classic" or "windows"
  std::string name;  // the detector
  bool unbudgeted = false;
  bool armed = true;                  // it has a threshold; without one it only shows its score
  std::vector<BacktestAlarm> alarms;  // in order of rows
};

// Rows [begin, end) of the file were streamed.
struct BacktestSpan {
  uint64_t begin = 0;
  uint64_t end = 0;
};

// Scores of a rule's alarms, given the true changes of the stream.
struct BacktestScore {
  static constexpr uint64_t kMissed = UINT64_MAX;
  uint64_t alarms = 0;
  uint64_t false_alarms = 0;
  uint64_t quiet_rows = 0;  // outside the horizon of every change
  // One per change: rows from it to the first alarm, or kMissed.
  std::vector<uint64_t> delays;
  uint64_t missed = 0;

  double false_per_million() const;  // NaN without quiet rows
  double mean_delay() const;         // over found changes; NaN without any
  double mean_time_ratio() const;    // NaN without changes
};

// An alarm belongs to the newest change before it, if that is at most `horizon` rows ago; all
// others are false. Changes ascend and lie within the span.
BacktestScore ScoreAlarms(std::span<const BacktestAlarm> alarms, std::span<const uint64_t> changes,
                          BacktestSpan span, uint64_t horizon);

}  // namespace faultline::cli
