#include "daemon/cli/backtest/backtest_trial.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"

namespace faultline::cli {

CoreTrial::CoreTrial(std::string name, std::shared_ptr<const Settings> settings)
    : name_(std::move(name)), shard_(std::move(settings)) {}

absl::Status CoreTrial::Import(const std::string& model, const std::string& version,
                               const std::vector<std::shared_ptr<const EventBatch>>& rows) {
  InstallReference install{model, version, {}};
  for (const auto& batch : rows) install.rows.push_back(std::make_unique<EventBatch>(*batch));
  const int64_t now_ns = rows.empty() ? 0 : rows.back()->received_ns;
  CommandResult result;
  shard_.Apply(Command{now_ns, Principal::Person("backtest"), std::move(install)}, &result,
               &effects_);
  return result.status;
}

void CoreTrial::Take(const std::shared_ptr<const EventBatch>& batch, uint64_t row) {
  BatchResult result;
  shard_.Apply(batch, &result, &effects_);
  rejected_rows_ += result.rejected_rows;
  late_rows_ += result.late_rows;
  Look(row);
}

void CoreTrial::Finish(int64_t now_ns, uint64_t row) {
  shard_.Tick(now_ns, &effects_);
  Look(row);
}

// An alarm is an alert that fires and did not fire at the last check.
void CoreTrial::Look(uint64_t row) {
  shard_.TakeCheckpoint(&effects_);
  for (const Effects::Publication& publication : effects_.publications) {
    if (publication.snapshot == nullptr || publication.snapshot->signals == nullptr) continue;
    const ModelSignals& signals = *publication.snapshot->signals;
    for (const SignalReading& signal : signals.signals) {
      for (const DetectorReading& reading : signal.readings) {
        const auto [found, added] = rules_.try_emplace(std::string(reading.detector));
        BacktestRule& rule = found->second;
        if (added) rule.armed = false;
        rule.unbudgeted = reading.unbudgeted;
        rule.armed = rule.armed || !std::isnan(reading.verdict.threshold);
        bool& firing = firing_[{std::string(reading.detector), signal.name}];
        if (reading.firing && !firing) {
          rule.alarms.push_back({row, signal.name, signals.evaluated_ns});
        }
        firing = reading.firing;
      }
    }
  }
  effects_ = Effects();
}

std::vector<BacktestRule> CoreTrial::rules() const {
  std::vector<BacktestRule> rules;
  for (const auto& [detector, rule] : rules_) {
    rules.push_back(rule);
    rules.back().run = name_;
    rules.back().name = detector;
  }
  return rules;
}

ClassicTrial::ClassicTrial(const std::vector<std::string>& kinds,
                           std::vector<std::string> error_columns)
    : error_columns_(std::move(error_columns)) {
  for (const std::string& kind : kinds) {
    auto made = MakeSequence(kind);
    FAULTLINE_CHECK(made.ok(), "the caller asks FindSequenceKind");
    detectors_.push_back(*std::move(made));
    rules_.push_back(
        {.run = "classic", .name = kind, .unbudgeted = true, .armed = true, .alarms = {}});
  }
}

void ClassicTrial::Take(const EventBatch& batch, uint64_t row) {
  for (size_t i = 0; i < rules_.size(); ++i) {
    const bool errors = FindSequenceKind(rules_[i].name)->input == SequenceInput::kErrors;
    for (const Column& column : batch.columns) {
      if (column.type != ColumnType::kNumber) continue;
      const bool is_error = std::find(error_columns_.begin(), error_columns_.end(), column.name) !=
                            error_columns_.end();
      if (errors && !is_error) continue;
      Follow(i, column, row);
    }
  }
}

void ClassicTrial::Follow(size_t rule, const Column& column, uint64_t row) {
  const SequenceDetector& detector = *detectors_[rule];
  std::vector<uint64_t>& state = states_[{rule, column.name}];
  if (state.empty()) {
    state.resize((detector.state_bytes() + sizeof(uint64_t) - 1) / sizeof(uint64_t));
    detector.Start(std::as_writable_bytes(std::span(state)));
  }
  std::vector<double> values = column.numbers;
  for (uint32_t i = 0; i < values.size(); ++i) {
    if (column.IsNull(i)) values[i] = std::numeric_limits<double>::quiet_NaN();
  }
  for (size_t at = 0; at < values.size();) {
    const SequenceStep step =
        detector.Take(std::span(values).subspan(at), std::as_writable_bytes(std::span(state)));
    at += step.taken;
    if (step.report == SequenceReport::kChange) {
      rules_[rule].alarms.push_back({row + at - 1, column.name, 0});
    }
  }
}

}  // namespace faultline::cli
