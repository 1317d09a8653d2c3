#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "daemon/cli/backtest/backtest_score.h"
#include "daemon/core/shard/shard.h"
#include "detectors/change/sequence.h"

namespace faultline::cli {

// One configuration, driven through the core as the daemon drives it, without a daemon: the alarms
// are those of alerts that fire.
//
// Operation:    Import, then Take for batches in order, then Finish. An alarm's row is the last one
//               of the batch with which it came, so batches should be small.
// Concurrency:  one thread.
class CoreTrial {
 public:
  CoreTrial(std::string name, std::shared_ptr<const Settings> settings);

  absl::Status Import(const std::string& model, const std::string& version,
                      const std::vector<std::shared_ptr<const EventBatch>>& rows);
  // `row`: of the batch's last one.
  void Take(const std::shared_ptr<const EventBatch>& batch, uint64_t row);
  // Ends the stream: closes open panes.
  void Finish(int64_t now_ns, uint64_t row);

  // One entry per detector that judged anything, in the order of their names.
  std::vector<BacktestRule> rules() const;
  uint64_t rejected_rows() const { return rejected_rows_; }
  uint64_t late_rows() const { return late_rows_; }

 private:
  void Look(uint64_t row);

  const std::string name_;
  Shard shard_;
  Effects effects_;
  std::map<std::string, BacktestRule> rules_;                   // by detector
  std::map<std::pair<std::string, std::string>, bool> firing_;  // by detector and signal
  uint64_t rejected_rows_ = 0;
  uint64_t late_rows_ = 0;
};

// The published sequential detectors, with their defaults, on the raw numbers of every column;
// those that take errors on the columns that are a learner's errors, 1 and 0.
class ClassicTrial {
 public:
  // Kinds by name; all must be known.
  ClassicTrial(const std::vector<std::string>& kinds, std::vector<std::string> error_columns);
  // `row`: of the batch's first one.
  void Take(const EventBatch& batch, uint64_t row);
  std::vector<BacktestRule> rules() const { return rules_; }

 private:
  void Follow(size_t rule, const Column& column, uint64_t row);

  const std::vector<std::string> error_columns_;
  std::vector<std::shared_ptr<const SequenceDetector>> detectors_;
  std::vector<BacktestRule> rules_;  // as many
  std::map<std::pair<size_t, std::string>, std::vector<uint64_t>> states_;
};

}  // namespace faultline::cli
