#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/cli/backtest/backtest_score.h"
#include "daemon/core/contract/event.h"

namespace faultline::cli {

// The rules of other tools with their defaults on the same stream: each window of a fixed number of
// rows is compared by itself with all reference rows, column by column. They have no alarm budget;
// every window in which a column fails is an alarm of its own, on its last row.
//
//   evidently   the test and limit that it takes for a column of this type and size
//   nannyml     Jensen-Shannon distance outside of 3 standard deviations of the reference's chunks
//   sagemaker   comparison_method Robust, comparison_threshold 0.1; numbers only
//   psi_0.2     population stability index above 0.2, Evidently's bins
//   ks_0.05     two-sample Kolmogorov-Smirnov, p-value of at most 0.05; numbers only
//
// Versions and conventions: detectors/stats/conventions.h. Missing values are left out.
//
// Operation:    Learn the reference's batches, then Take the others in order. A window that the
//               stream does not fill is ignored. Memory: the reference's values, and a window's.
// Concurrency:  one thread.
class WindowTrial {
 public:
  static bool Knows(std::string_view rule);
  static std::vector<std::string> Names();

  // Rules by name; all must be known. window_rows: at least 2.
  WindowTrial(const std::vector<std::string>& rules, uint32_t window_rows);
  void Learn(const EventBatch& batch);
  // `row`: of the batch's first one.
  void Take(const EventBatch& batch, uint64_t row);
  // None if there was no reference.
  std::vector<BacktestRule> rules() const;

 private:
  struct Values {
    bool categorical = false;
    std::map<std::string, double> codes;  // of categories, in order of appearance
    std::vector<double> reference;
    std::vector<double> window;
    // Learnt from the reference when the first window closes.
    bool ready = false;
    uint64_t distinct = 0;
    double lower = 0, upper = 0;  // NannyML's limits
  };
  static void Append(const Column& column, uint32_t row, Values* values, std::vector<double>* to);
  void Prepare(Values* values) const;
  bool Fails(std::string_view rule, const Values& values) const;
  void CloseWindow(uint64_t row);

  const uint32_t window_rows_;
  uint32_t rows_ = 0;  // of the open window
  std::map<std::string, Values> columns_;
  std::vector<BacktestRule> rules_;
};

}  // namespace faultline::cli
