#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "daemon/cli/backtest/backtest_score.h"
#include "daemon/cli/console/console.h"

namespace faultline::cli {

// The result of a backtest, and how it is shown.
struct BacktestReport {
  static constexpr uint64_t kToNextChange = UINT64_MAX;
  std::string model;
  BacktestSpan span;
  std::vector<uint64_t> changes;
  uint64_t horizon = kToNextChange;  // rows after a change for which alarms belong to it
  double seconds = 0;
  std::vector<BacktestRule> rules;  // rules of one name are adjacent
};

// A table, one line a rule.
std::string BacktestText(const BacktestReport& report, const Style& style);
// With the scores used in the literature, if changes were given: F1 and cover, with every alarm
// counted as a change, and the mean time ratio.
boost::json::object BacktestJson(const BacktestReport& report);
// One self-contained page: the table, and a line with its alarms for each rule.
std::string BacktestHtml(const BacktestReport& report);

}  // namespace faultline::cli
