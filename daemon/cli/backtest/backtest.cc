#include <absl/strings/ascii.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <fstream>
#include <iterator>
#include <optional>

#include "base/escape.h"
#include "daemon/cli/args/command_line.h"
#include "daemon/cli/args/replay_plan.h"
#include "daemon/cli/args/table_flags.h"
#include "daemon/cli/args/table_report.h"
#include "daemon/cli/backtest/backtest_report.h"
#include "daemon/cli/backtest/backtest_trial.h"
#include "daemon/cli/backtest/backtest_windows.h"
#include "daemon/cli/commands/commands.h"
#include "daemon/cli/console/outcome.h"
#include "daemon/cli/console/progress.h"
#include "daemon/config/config_file.h"
#include "daemon/edge/decode/decode.h"

namespace faultline::cli {
namespace {

// Small, because an alarm's row is the last one of its batch.
constexpr uint32_t kBatchRows = 64;
constexpr int64_t kYearNs = int64_t{366} * 86'400 * 1'000'000'000;
// Rows without times begin here, so that a backtest does not depend on the day.
constexpr int64_t kStartNs = int64_t{1'577'836'800} * 1'000'000'000;

struct Flags {
  TableFlags table;
  std::vector<std::string> configs;
  std::string changes;
  uint64_t reference_rows = 0;
  uint64_t horizon = 0;  // 0: to the next change
  std::string spacing = "100ms";
  std::vector<double> budgets = {0.1, 10};
  std::vector<std::string> classic;
  uint32_t window_rows = 500;
  std::vector<std::string> error_columns;
  std::string html;
  std::string output = "text";
};

// Row numbers, one or more a line; '#' begins a comment.
absl::StatusOr<std::vector<uint64_t>> ReadChanges(const std::string& path) {
  std::vector<uint64_t> changes;
  std::ifstream file(path);
  if (!file)
    return absl::NotFoundError(absl::StrCat("--change-points ", path, ": cannot read the file"));
  int number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    const std::string content = line.substr(0, line.find('#'));
    for (const absl::string_view word :
         absl::StrSplit(content, absl::ByAnyChar(" ,;\t\r"), absl::SkipEmpty())) {
      uint64_t row = 0;
      if (!absl::SimpleAtoi(word, &row)) {
        return absl::InvalidArgumentError(absl::StrCat(path, ":", number, ": ", std::string(word),
                                                       ": expected a row number, from 0"));
      }
      changes.push_back(row);
    }
  }
  std::sort(changes.begin(), changes.end());
  changes.erase(std::unique(changes.begin(), changes.end()), changes.end());
  return changes;
}

class Backtest {
 public:
  explicit Backtest(const Flags& flags)
      : flags_(flags), progress_(NameOfFile(flags.table.path), flags.output == "json") {}
  int Run();

 private:
  absl::Status Prepare();
  // A trial of the configuration as it is, and one for each other budget.
  absl::Status AddConfig(const std::string& path);
  absl::Status AddTrial(const std::string& name, const v1::Config& config, bool other_budget);
  absl::Status AddClassic();
  absl::StatusOr<std::shared_ptr<const EventBatch>> Read(uint32_t rows);
  absl::Status Import();
  absl::Status Stream();
  absl::Status Report();

  const Flags& flags_;
  TableOptions options_;
  std::unique_ptr<TableReader> table_;
  Progress progress_;
  int64_t spacing_ns_ = 0;
  int64_t given_ = 0;            // rows that were given a time
  int64_t span_ns_ = INT64_MAX;  // of a batch's event times
  uint32_t batch_rows_ = kBatchRows;
  struct Trial {
    std::unique_ptr<CoreTrial> core;
    bool other_budget;  // only detectors on the budget can differ
  };
  std::vector<Trial> trials_;
  std::optional<ClassicTrial> classic_;
  std::optional<WindowTrial> windows_;
  BacktestReport report_;
};

int Backtest::Run() {
  absl::Status status = Prepare();
  if (!status.ok()) return Complain(status, kExitUsage);
  status = Import();
  if (status.ok()) status = Stream();
  progress_.Finish();
  if (status.ok()) status = Report();
  return status.ok() ? kExitOk : Complain(status, kExitFailed);
}

absl::Status Backtest::Prepare() {
  absl::StatusOr<TableOptions> options = ToTableOptions(flags_.table);
  if (!options.ok()) return options.status();
  options_ = *std::move(options);
  const absl::StatusOr<int64_t> spacing = ParseDuration(flags_.spacing);
  if (!spacing.ok() || *spacing <= 0) {
    return absl::InvalidArgumentError(
        "--spacing: expected a duration such as 100ms, 1s, 5m, 2h or 1d");
  }
  spacing_ns_ = *spacing;
  if (options_.time_column.empty()) {
    progress_.Say(absl::StrCat("no time column: times are generated, rows ",
                               Short(static_cast<double>(spacing_ns_) / 1e6),
                               " ms apart; set --time-column or --spacing to change that"));
  }
  if (!flags_.changes.empty()) {
    auto changes = ReadChanges(flags_.changes);
    if (!changes.ok()) return changes.status();
    report_.changes = *std::move(changes);
  }
  if (flags_.horizon > 0) report_.horizon = flags_.horizon;
  for (const std::string& config : flags_.configs) {
    if (absl::Status added = AddConfig(config); !added.ok()) return added;
  }
  if (absl::Status added = AddClassic(); !added.ok()) return added;
  absl::StatusOr<std::unique_ptr<TableReader>> table = TableReader::Open(options_);
  if (!table.ok()) return table.status();
  table_ = *std::move(table);
  return absl::OkStatus();
}

absl::Status Backtest::AddClassic() {
  std::vector<std::string> kinds, windows;
  const auto wants_errors = [&](const SequenceKind& kind) {
    return kind.input == SequenceInput::kErrors && flags_.error_columns.empty();
  };
  for (const std::string& name : flags_.classic) {
    if (const SequenceKind* kind = FindSequenceKind(name); kind != nullptr) {
      if (wants_errors(*kind)) {
        return absl::InvalidArgumentError(absl::StrCat(
            "--classic ", name, ": needs a learner's errors; name their columns with --errors"));
      }
      kinds.push_back(name);
    } else if (WindowTrial::Knows(name)) {
      windows.push_back(name);
    } else if (name != "none" || flags_.classic.size() > 1) {
      return absl::InvalidArgumentError(absl::StrCat("--classic ", name, ": unknown detector"));
    }
  }
  if (flags_.classic.empty()) {
    for (const SequenceKind& kind : SequenceKinds()) {
      if (!wants_errors(kind)) kinds.emplace_back(kind.name);
    }
    windows = WindowTrial::Names();
  }
  classic_.emplace(kinds, flags_.error_columns);
  windows_.emplace(windows, flags_.window_rows);
  return absl::OkStatus();
}

absl::Status Backtest::AddConfig(const std::string& path) {
  const absl::StatusOr<LoadedConfig> loaded = LoadConfigFile(path);
  if (!loaded.ok()) return loaded.status();
  const v1::Config& config = loaded->parsed.config;
  const std::string name = NameOfFile(path);
  if (absl::Status added = AddTrial(name, config, false); !added.ok()) return added;
  for (const double factor : flags_.budgets) {
    v1::Config other = config;
    const auto scale = [&](v1::AlarmBudgetConfig* budget) {
      budget->set_false_alarms((budget->has_false_alarms() ? budget->false_alarms() : 1) * factor);
    };
    if (other.has_alarm_budget()) scale(other.mutable_alarm_budget());
    if (!other.has_alarm_budget() || other.defaults().has_alarm_budget()) {
      scale(other.mutable_defaults()->mutable_alarm_budget());
    }
    for (v1::ModelConfig& model : *other.mutable_models()) {
      if (model.has_alarm_budget()) scale(model.mutable_alarm_budget());
    }
    const std::string label = absl::StrCat(name, ", budget x", Short(factor));
    if (absl::Status added = AddTrial(label, other, true); !added.ok()) return added;
  }
  return absl::OkStatus();
}

absl::Status Backtest::AddTrial(const std::string& name, const v1::Config& config,
                                bool other_budget) {
  absl::StatusOr<std::shared_ptr<const Settings>> settings = Settings::Make(config, 1);
  if (!settings.ok()) return settings.status();
  // So small that no batch closes two panes: each alarm is then seen as it comes.
  const auto model = (*settings)->ForModel(options_.model);
  const int64_t rows =
      model->pane_length_ns > 0 ? model->pane_length_ns / spacing_ns_ : model->pane_rows;
  batch_rows_ = static_cast<uint32_t>(std::clamp<int64_t>(rows, 1, batch_rows_));
  if (model->pane_length_ns > 0) span_ns_ = std::min(span_ns_, model->pane_length_ns - 1);
  trials_.push_back({std::make_unique<CoreTrial>(name, *std::move(settings)), other_budget});
  return absl::OkStatus();
}

// The next rows; empty at the end.
absl::StatusOr<std::shared_ptr<const EventBatch>> Backtest::Read(uint32_t rows) {
  TableBatch batch;
  BatchLimits limits;
  limits.rows = rows;
  limits.span_ns = span_ns_;
  const absl::Status status = table_->Read(limits, &batch);
  if (!status.ok()) return status;
  auto decoded = std::make_shared<EventBatch>();
  if (batch.batch.rows() == 0) return decoded;
  int64_t newest_ns = kStartNs;
  if (options_.time_column.empty()) {
    batch.batch.clear_event_times_unix_nano();
    for (uint64_t i = 0; i < batch.batch.rows(); ++i) {
      newest_ns = kStartNs + given_++ * spacing_ns_;
      batch.batch.add_event_times_unix_nano(newest_ns);
    }
  } else {
    for (const int64_t time : batch.batch.event_times_unix_nano()) {
      newest_ns = std::max(newest_ns, time);
    }
  }
  Refusal refusal;
  DecodeOptions options;
  options.received_ns = newest_ns;
  decoded = DecodeBatch(&batch.batch, options, &refusal);
  if (decoded == nullptr) return absl::InvalidArgumentError(refusal.message);
  return decoded;
}

absl::Status Backtest::Import() {
  std::vector<std::shared_ptr<const EventBatch>> rows;
  for (uint64_t left = flags_.reference_rows; left > 0;) {
    auto batch = Read(static_cast<uint32_t>(std::min<uint64_t>(left, kBatchRows)));
    if (!batch.ok()) return batch.status();
    if ((*batch)->rows == 0) break;
    left -= (*batch)->rows;
    rows.push_back(*std::move(batch));
  }
  report_.span.begin = table_->counts().read;
  if (rows.empty()) return absl::OkStatus();
  for (const auto& batch : rows) windows_->Learn(*batch);
  for (const Trial& trial : trials_) {
    absl::Status imported = trial.core->Import(options_.model, options_.version, rows);
    if (!imported.ok()) return imported;
  }
  return absl::OkStatus();
}

absl::Status Backtest::Stream() {
  int64_t newest_ns = kStartNs;
  for (;;) {
    const uint64_t first = table_->counts().read;
    const auto batch = Read(batch_rows_);
    if (!batch.ok()) return batch.status();
    const uint64_t read = table_->counts().read;
    if ((*batch)->rows == 0) break;
    newest_ns = std::max(newest_ns, (*batch)->received_ns);
    for (const Trial& trial : trials_) trial.core->Take(*batch, read - 1);
    classic_->Take(**batch, first);
    windows_->Take(**batch, first);
    progress_.Update(read, table_->progress());
  }
  report_.span.end = table_->counts().read;
  if (report_.span.end == report_.span.begin) {
    return absl::InvalidArgumentError("no rows follow the reference; use fewer reference rows");
  }
  for (const Trial& trial : trials_) {
    trial.core->Finish(newest_ns + kYearNs, report_.span.end - 1);
  }
  return absl::OkStatus();
}

absl::Status Backtest::Report() {
  const size_t outside = std::erase_if(report_.changes, [&](uint64_t row) {
    return row < report_.span.begin || row >= report_.span.end;
  });
  if (outside > 0) {
    progress_.Warn(absl::StrCat("faultline: ", outside, " change points lie outside of rows ",
                                report_.span.begin, " to ", report_.span.end - 1));
  }
  report_.model = options_.model;
  report_.seconds = progress_.seconds();
  for (const auto& [core, other_budget] : trials_) {
    for (BacktestRule& rule : core->rules()) {
      if (!other_budget || !rule.unbudgeted) report_.rules.push_back(std::move(rule));
    }
    if (!other_budget && core->rejected_rows() + core->late_rows() > 0) {
      progress_.Warn(absl::StrCat("faultline: ", Grouped(core->rejected_rows()),
                                  " rows rejected by the core, ", Grouped(core->late_rows()),
                                  " late"));
    }
  }
  std::stable_sort(report_.rules.begin(), report_.rules.end(),
                   [](const BacktestRule& a, const BacktestRule& b) { return a.name < b.name; });
  for (BacktestRule& rule : classic_->rules()) report_.rules.push_back(std::move(rule));
  for (BacktestRule& rule : windows_->rules()) report_.rules.push_back(std::move(rule));
  if (!flags_.html.empty()) {
    std::ofstream page(flags_.html);
    page << BacktestHtml(report_) << std::flush;
    if (!page)
      return absl::UnavailableError(
          absl::StrCat("--html ", flags_.html, ": cannot write the file"));
  }
  if (flags_.output == "json") {
    boost::json::object json = BacktestJson(report_);
    AddTableJson(*table_, &json);
    Print(SafeJson(boost::json::serialize(json)) + "\n");
  } else {
    Print(BacktestText(report_, TerminalStyle()) + TableText(*table_));
  }
  return absl::OkStatus();
}

}  // namespace

void AddBacktest(Command root) {
  Command backtest = root.Add("backtest", "Evaluate detectors on a table, without a daemon");
  auto flags = std::make_shared<Flags>();
  AddTableFlags(backtest, &flags->table);
  backtest
      .AddOption("--config", &flags->configs, "Configuration file; give it twice to compare two")
      .Required();
  backtest.AddOption("--change-points", &flags->changes,
                     "File with the row numbers (from 0) at which the data changed");
  backtest.AddOption("--first-rows-as-reference", &flags->reference_rows,
                     "Rows to use as the reference (default: learned by the model)");
  backtest.AddOption(
      "--horizon", &flags->horizon,
      "Rows after a change in which alarms are attributed to it (default: to the next change)");
  backtest.AddOption("--spacing", &flags->spacing, "Time between rows without a time column")
      .ShowDefault();
  backtest.AddOption("--budgets", &flags->budgets, "Other alarm budgets to compare, as factors")
      .SplitAt(',')
      .InRange(0.0, 1e6)
      .ShowDefault();
  backtest
      .AddOption("--classic", &flags->classic,
                 "Published detectors and rules of other tools to show beside, or none (all)")
      .SplitAt(',');
  backtest
      .AddOption("--window-rows", &flags->window_rows, "Rows per window for the other tools' rules")
      .InRange(2u, 10'000'000u)
      .ShowDefault();
  backtest.AddOption("--errors", &flags->error_columns,
                     "Columns with a learner's errors (1 or 0), for DDM and similar detectors");
  backtest.AddOption("--html", &flags->html, "Write the result as HTML to this file");
  backtest.AddOption("--output", &flags->output, "text or json")
      .OneOf({"text", "json"})
      .ShowDefault();
  backtest.OnRun([flags] { return Backtest(*flags).Run(); });
}

}  // namespace faultline::cli
