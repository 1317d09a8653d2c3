#include "daemon/cli/backtest/backtest_score.h"

#include <algorithm>
#include <limits>

#include "detectors/stats/scoring.h"

namespace faultline::cli {

double BacktestScore::false_per_million() const {
  if (quiet_rows == 0) return std::numeric_limits<double>::quiet_NaN();
  return static_cast<double>(false_alarms) * 1e6 / static_cast<double>(quiet_rows);
}

double BacktestScore::mean_delay() const {
  double sum = 0;
  for (const uint64_t delay : delays) sum += delay == kMissed ? 0 : static_cast<double>(delay);
  return sum / static_cast<double>(delays.size() - missed);
}

double BacktestScore::mean_time_ratio() const {
  if (delays.empty()) return std::numeric_limits<double>::quiet_NaN();
  const double between = static_cast<double>(quiet_rows) / static_cast<double>(false_alarms);
  const auto changes = static_cast<double>(delays.size());
  return MeanTimeRatio(between, mean_delay(), 1 - static_cast<double>(missed) / changes);
}

BacktestScore ScoreAlarms(std::span<const BacktestAlarm> alarms, std::span<const uint64_t> changes,
                          BacktestSpan span, uint64_t horizon) {
  BacktestScore score;
  score.alarms = alarms.size();
  score.delays.assign(changes.size(), BacktestScore::kMissed);
  for (const BacktestAlarm& alarm : alarms) {
    const auto after = std::upper_bound(changes.begin(), changes.end(), alarm.row);
    const uint64_t since = after == changes.begin() ? 0 : alarm.row - *(after - 1);
    if (after == changes.begin() || since > horizon) {
      ++score.false_alarms;
      continue;
    }
    uint64_t& delay = score.delays[static_cast<size_t>(after - changes.begin()) - 1];
    delay = std::min(delay, since);
  }
  score.missed = static_cast<uint64_t>(
      std::count(score.delays.begin(), score.delays.end(), BacktestScore::kMissed));
  score.quiet_rows = span.end - span.begin;
  for (size_t i = 0; i < changes.size(); ++i) {
    const uint64_t next = i + 1 < changes.size() ? changes[i + 1] : span.end;
    const uint64_t rows = next - changes[i];
    score.quiet_rows -= rows > horizon ? horizon + 1 : rows;
  }
  return score;
}

}  // namespace faultline::cli
