#include <absl/strings/str_cat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/json.hpp>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/escape.h"
#include "daemon/cli/args/command_line.h"
#include "daemon/cli/args/replay_plan.h"
#include "daemon/cli/args/table_flags.h"
#include "daemon/cli/args/table_report.h"
#include "daemon/cli/commands/client_command.h"
#include "daemon/cli/commands/commands.h"
#include "daemon/cli/commands/model_lookup.h"
#include "daemon/cli/commands/reference_import.h"
#include "daemon/cli/console/console.h"
#include "daemon/cli/console/interrupt.h"
#include "daemon/cli/console/outcome.h"
#include "daemon/cli/console/progress.h"
#include "daemon/client/client.h"
#include "daemon/client/messages.h"
#include "daemon/client/pace.h"
#include "daemon/client/producer.h"
#include "daemon/core/settings/settings.h"

namespace faultline::cli {
namespace {

constexpr size_t kRejectedKept = 20;
constexpr int64_t kSpacingNs = 100'000'000;
constexpr std::chrono::milliseconds kLook{100};

struct Flags {
  ClientOptions client;
  TableFlags table;
  uint64_t reference_rows = 0;
  uint32_t batch_rows = 256;
  uint64_t batch_bytes = 1 << 20;
  double speed = 0;
  double rate = 0;
  std::string spacing;
  std::string producer;
  bool resume = false;
  uint64_t epoch = 1;
  double give_up_seconds = 60;  // --timeout, if it was given
  bool strict = false;
};

// The lines of the file for the rows of unacknowledged batches, to name the rows that the daemon
// rejects.
//
// Concurrency:  thread-safe.
class Lines {
 public:
  struct Rejected {
    uint64_t line;
    std::string why;
  };

  void Add(uint64_t sequence, std::vector<uint64_t> lines) {
    std::lock_guard lock(mutex_);
    by_sequence_[sequence] = std::move(lines);
  }
  void Take(uint64_t sequence, const v1::BatchOutcome& outcome) {
    std::lock_guard lock(mutex_);
    const auto found = by_sequence_.find(sequence);
    if (found == by_sequence_.end()) return;
    const std::vector<uint64_t>& lines = found->second;
    if (outcome.batch_reason() != v1::REJECT_REASON_UNSPECIFIED && !lines.empty()) {
      Keep(lines.front(), absl::StrCat("the batch that begins here: ", outcome.batch_error()));
    }
    for (const v1::RowError& error : outcome.row_errors()) {
      if (error.row() < lines.size()) Keep(lines[error.row()], error.message());
    }
    by_sequence_.erase(found);
  }
  std::vector<Rejected> rejected() const {
    std::lock_guard lock(mutex_);
    return rejected_;
  }

 private:
  void Keep(uint64_t line, std::string why) {
    if (rejected_.size() < kRejectedKept) rejected_.push_back({line, std::move(why)});
  }

  mutable std::mutex mutex_;
  std::map<uint64_t, std::vector<uint64_t>> by_sequence_;
  std::vector<Rejected> rejected_;
};

class Replay {
 public:
  explicit Replay(const Flags& flags)
      : flags_(flags),
        progress_(NameOfFile(flags.table.path), flags.client.json()),
        pace_(flags.rate, flags.speed) {}

  int Run();

 private:
  // Imports the reference, or skips its rows if an earlier run got further.
  int TakeReference();
  absl::Status PassReference();
  absl::Status PlanTimes();
  int64_t NewestRowNs() const;
  int Start();
  absl::Status Stream();
  absl::Status Flush();
  void Wait(int64_t ns) const;
  // Reports the outcome and returns the exit code.
  int Judge(const absl::Status& streamed) const;
  std::string Text() const;
  std::string Json() const;

  const Flags& flags_;
  TableOptions options_;
  std::unique_ptr<TableReader> table_;
  Lines lines_;
  std::unique_ptr<Producer> producer_;
  Progress progress_;
  BatchLimits limits_;
  Pace pace_;
  std::optional<RowTimes> times_;
  std::string producer_id_;
  grpc::ClientContext import_context_;
  v1::Reference reference_;
  std::atomic<bool> stop_ = false;
  absl::Status problem_;  // of the file
};

int Replay::Run() {
  absl::StatusOr<TableOptions> options = ToTableOptions(flags_.table);
  if (!options.ok()) return Complain(options.status(), kExitUsage);
  options_ = *std::move(options);
  absl::StatusOr<std::unique_ptr<TableReader>> table = TableReader::Open(options_);
  if (!table.ok()) return Complain(table.status(), kExitFailed);
  table_ = *std::move(table);
  std::optional<Interrupt> interrupt;
  // Waiting for standard input cannot be ended by a flag.
  if (options_.path != "-") {
    interrupt.emplace([this] {
      stop_ = true;
      import_context_.TryCancel();
    });
  }
  limits_ = pace_.Limit({.rows = flags_.batch_rows, .bytes = flags_.batch_bytes});
  if (absl::Status planned = PlanTimes(); !planned.ok()) return Complain(planned, kExitUsage);
  if (const int code = Start(); code != kExitOk) return code;
  if (const int code = TakeReference(); code != kExitOk) return code;
  absl::Status streamed = Stream();
  if (streamed.ok() || stop_) streamed.Update(Flush());
  progress_.Finish();
  Print(flags_.client.json() ? Json() : Text());
  return Judge(streamed);
}

int Replay::Judge(const absl::Status& streamed) const {
  const ProducerTotals totals = producer_->totals();
  const std::string go_on =
      absl::StrCat("to continue, run it again with the same options and --resume",
                   options_.path == "-" ? " and --producer " + Printable(producer_id_) : "",
                   "; applied rows are not applied again");
  if (totals.unacknowledged_rows > 0) {
    Complain(absl::StrCat(Grouped(totals.unacknowledged_rows), " of ", Grouped(totals.sent_rows),
                          " rows are unacknowledged and may or may not be applied; ", go_on),
             kExitFailed);
  }
  if (stop_) {
    return Complain(totals.unacknowledged_rows > 0
                        ? "interrupted"
                        : absl::StrCat("interrupted; everything sent is acknowledged; ", go_on),
                    kExitFailed);
  }
  if (!streamed.ok()) return Report(streamed, flags_.client);
  if (!problem_.ok()) return Complain(problem_, kExitFailed);
  if (table_->counts().accepted == 0 && table_->counts().refused > 0) {
    return Complain("every row was refused; see the reasons above", kExitFailed);
  }
  if (totals.sent_rows > 0 && totals.rejected_rows == totals.sent_rows) {
    const std::vector<Lines::Rejected> rejected = lines_.rejected();
    return Complain(rejected.empty()
                        ? "the daemon rejected every row"
                        : absl::StrCat("the daemon rejected every row; line ",
                                       rejected.front().line, ": ", rejected.front().why),
                    kExitFailed);
  }
  const bool clean = table_->counts().refused == 0 && totals.rejected_rows == 0;
  return flags_.strict && !clean ? kExitFailed : kExitOk;
}

int Replay::TakeReference() {
  if (flags_.reference_rows == 0) return kExitOk;
  // The model has this reference already; importing it again would restart every window.
  if (producer_->earlier_batches() > 0) {
    const absl::Status passed = PassReference();
    return passed.ok() ? kExitOk : Complain(passed, kExitFailed);
  }
  const absl::StatusOr<v1::Reference> reference = ImportReference(
      Connect(flags_.client), options_.model, options_.version, flags_.reference_rows, table_.get(),
      [&](uint64_t rows) { progress_.Update(rows, table_->progress()); }, &import_context_);
  if (!reference.ok()) {
    progress_.Finish();
    return Report(reference.status(), flags_.client);
  }
  reference_ = *reference;
  progress_.Say(absl::StrCat("imported ", Grouped(reference_.rows()), " rows as reference ",
                             reference_.version()));
  return kExitOk;
}

absl::Status Replay::PassReference() {
  for (uint64_t left = flags_.reference_rows; left > 0 && !stop_;) {
    BatchLimits limits;
    limits.rows = static_cast<uint32_t>(std::min<uint64_t>(limits.rows, left));
    TableBatch batch;
    absl::Status read = table_->Read(limits, &batch);
    if (!read.ok() || batch.batch.rows() == 0) return read;
    left -= batch.batch.rows();
  }
  return absl::OkStatus();
}

// INVALID_ARGUMENT naming the option that is wrong.
absl::Status Replay::PlanTimes() {
  constexpr int64_t kSpanMaxNs = int64_t{10} * 366 * 86'400 * 1'000'000'000;
  const bool asked = !flags_.spacing.empty();
  int64_t spacing_ns = kSpacingNs;
  if (asked) {
    const absl::StatusOr<int64_t> spacing = ParseDuration(flags_.spacing);
    if (!spacing.ok() || *spacing <= 0) {
      return absl::InvalidArgumentError("--spacing " + flags_.spacing +
                                        ": expected a duration such as 100ms, 1s, 5m, 2h or 1d");
    }
    spacing_ns = *spacing;
    if (options_.path == "-") {
      return absl::InvalidArgumentError(
          "--spacing: rows end now, so their number must be known; standard input has none");
    }
  }
  // Rows that are paced or arrive over time get their time of arrival.
  if (!options_.time_column.empty()) return absl::OkStatus();
  if (options_.path == "-" || (flags_.rate > 0 && !asked)) {
    progress_.Say("no time column: rows get their arrival time; set --time-column to change that");
    return absl::OkStatus();
  }
  const absl::StatusOr<uint64_t> lines = CountLines(options_.path);
  if (!lines.ok()) return lines.status();
  const uint64_t passed =
      options_.skip_rows + flags_.reference_rows + (options_.csv.header ? 1 : 0);
  uint64_t rows = *lines - std::min(*lines, passed);
  rows = std::min(rows, options_.rows_max - std::min(options_.rows_max, flags_.reference_rows));
  if (static_cast<double>(rows) * static_cast<double>(spacing_ns) > kSpanMaxNs) {
    return absl::InvalidArgumentError(
        absl::StrCat("--spacing: ", Grouped(rows), " rows would span more than ten years"));
  }
  times_.emplace(rows, spacing_ns, WallNowNs(), asked ? 0 : NewestRowNs());
  progress_.Say(absl::StrCat("no time column: times are generated, rows ",
                             Short(times_->spacing_ns() / 1e6), " ms apart, ",
                             times_->spacing_ns() < static_cast<double>(spacing_ns)
                                 ? "after the newest row the model has and "
                                 : "",
                             "ending now; set --time-column or --spacing to change that"));
  return absl::OkStatus();
}

// 0 if the model has no rows yet, or the call fails; sending will then show why.
int64_t Replay::NewestRowNs() const {
  const auto models = v1::ModelService::NewStub(Connect(flags_.client));
  v1::GetModelRequest request;
  request.set_name(options_.model);
  request.set_version(options_.version);
  v1::GetModelResponse response;
  const grpc::Status status =
      Call(flags_.client, models.get(), &v1::ModelService::Stub::GetModel, request, &response);
  return status.ok() ? ToNs(response.model().last_event_time()) : 0;
}

int Replay::Start() {
  ProducerOptions options;
  options.address = flags_.client.address.empty() ? DefaultAddress() : flags_.client.address;
  producer_id_ = flags_.producer.empty()
                     ? ReplayProducerId(options_, limits_, flags_.reference_rows)
                     : flags_.producer;
  options.id = producer_id_;
  options.epoch = flags_.epoch;
  options.connect_timeout =
      std::chrono::milliseconds(static_cast<int64_t>(flags_.client.timeout_seconds * 1'000));
  options.give_up_after =
      std::chrono::milliseconds(static_cast<int64_t>(flags_.give_up_seconds * 1'000));
  options.interrupted = [this] { return stop_.load(); };
  options.on_trouble = [this](const std::string& what, int seconds) {
    progress_.Warn(absl::StrCat("faultline: ", what, " (", seconds, " s)"));
  };
  options.on_committed = [this](uint64_t sequence, const v1::BatchOutcome& outcome) {
    lines_.Take(sequence, outcome);
  };
  absl::StatusOr<std::unique_ptr<Producer>> producer = Producer::Connect(std::move(options));
  if (!producer.ok()) {
    progress_.Finish();
    return Report(producer.status(), flags_.client);
  }
  producer_ = *std::move(producer);
  const uint64_t earlier = producer_->earlier_batches();
  if (earlier == 0 || flags_.resume) return kExitOk;
  progress_.Finish();
  return Complain(
      absl::StrCat("nothing was sent: producer ", Printable(producer_id_), " has sent ",
                   Grouped(earlier),
                   " batches before. --resume goes on behind them, if it is the same file with the "
                   "same options; --producer with another name applies all rows again"),
      kExitFailed);
}

absl::Status Replay::Stream() {
  for (uint64_t sequence = 1; !stop_; ++sequence) {
    TableBatch batch;
    problem_ = table_->Read(limits_, &batch);
    if (batch.batch.rows() == 0) return absl::OkStatus();
    if (times_) times_->Fill(&batch.batch);
    Wait(pace_.WaitNs(batch.batch, SteadyNowNs()));
    if (stop_) break;
    lines_.Add(sequence, std::move(batch.lines));
    const absl::StatusOr<uint64_t> sent = producer_->Send(std::move(batch.batch));
    if (!sent.ok()) return sent.status();
    progress_.Update(table_->counts().read, table_->progress());
  }
  return absl::CancelledError("interrupted");
}

void Replay::Wait(int64_t ns) const {
  const int64_t until_ns = SteadyNowNs() + ns;
  for (int64_t left = ns; left > 0 && !stop_; left = until_ns - SteadyNowNs()) {
    std::this_thread::sleep_for(
        std::min<std::chrono::nanoseconds>(std::chrono::nanoseconds(left), kLook));
  }
}

// Waits as long as acknowledgements come in.
absl::Status Replay::Flush() {
  const std::chrono::milliseconds patience(
      static_cast<int64_t>(flags_.client.timeout_seconds * 1'000));
  for (;;) {
    const uint64_t before = producer_->totals().unacknowledged_rows;
    absl::Status flushed = producer_->Flush(patience);
    const bool moved = producer_->totals().unacknowledged_rows < before;
    if (!absl::IsDeadlineExceeded(flushed) || !moved || stop_) return flushed;
  }
}

std::string Replay::Text() const {
  const ProducerTotals totals = producer_->totals();
  const TableCounts& counts = table_->counts();
  const double seconds = progress_.seconds();
  const auto rate =
      static_cast<uint64_t>(static_cast<double>(counts.read) / std::max(seconds, 1e-3));
  std::string text =
      absl::StrCat("replayed ", Printable(options_.path), " as model ", Printable(options_.model),
                   options_.version.empty() ? "" : " ", Printable(options_.version), " in ",
                   Short(seconds), " s (", Grouped(rate), " rows/s)\n");
  const auto line = [&](const char* name, uint64_t rows) {
    absl::StrAppend(&text, "  ", Fit(name, 18), Grouped(rows), "\n");
  };
  absl::StrAppend(&text, "  ", Fit("producer", 18), Printable(producer_id_), "\n");
  line("read", counts.read);
  if (reference_.rows() > 0) line("  reference", reference_.rows());
  line("  refused here", counts.refused);
  line("  sent", totals.sent_rows);
  line("    applied", totals.applied_rows);
  line("    late", totals.late_rows);
  line("    rejected", totals.rejected_rows);
  line("    duplicate", totals.duplicate_rows);
  if (totals.unreported_rows > 0) line("    not reported", totals.unreported_rows);
  if (totals.unacknowledged_rows > 0) line("    not answered", totals.unacknowledged_rows);
  if (totals.reconnects > 0) line("reconnects", totals.reconnects);
  text += TableText(*table_);
  for (const Lines::Rejected& row : lines_.rejected()) {
    absl::StrAppend(&text, "  line ", row.line, ": rejected: ", Printable(row.why), "\n");
  }
  return text;
}

std::string Replay::Json() const {
  const ProducerTotals totals = producer_->totals();
  boost::json::object out;
  out["model"] = options_.model;
  out["version"] = options_.version;
  out["producer"] = producer_id_;
  out["seconds"] = progress_.seconds();
  out["reference_rows"] = reference_.rows();
  out["sent_rows"] = totals.sent_rows;
  out["applied_rows"] = totals.applied_rows;
  out["late_rows"] = totals.late_rows;
  out["rejected_rows"] = totals.rejected_rows;
  out["duplicate_rows"] = totals.duplicate_rows;
  out["skipped_rows"] = totals.skipped_rows;
  out["unreported_rows"] = totals.unreported_rows;
  out["unacknowledged_rows"] = totals.unacknowledged_rows;
  out["reconnects"] = totals.reconnects;
  AddTableJson(*table_, &out);
  boost::json::array rejected;
  for (const Lines::Rejected& row : lines_.rejected()) {
    rejected.push_back({{"line", row.line}, {"reason", Printable(row.why)}});
  }
  out["rejected"] = std::move(rejected);
  return SafeJson(boost::json::serialize(out)) + "\n";
}

}  // namespace

void AddReplay(Command root) {
  Command replay = root.Add("replay", "Stream a table to the daemon as events");
  auto flags = std::make_shared<Flags>();
  AddTableFlags(replay, &flags->table);
  replay.AddOption("--first-rows-as-reference", &flags->reference_rows,
                   "Import this many rows as the reference first, then stream the rest");
  replay.AddOption("--batch-rows", &flags->batch_rows, "Most rows per message")
      .InRange(1u, 65'536u)
      .ShowDefault();
  replay.AddOption("--batch-bytes", &flags->batch_bytes, "Bytes per message, approximately")
      .InRange(uint64_t{1}, uint64_t{32} << 20)
      .ShowDefault();
  replay.AddOption("--rate", &flags->rate, "Rows per second (default: full speed)")
      .InRange(0.001, 1e9);
  replay.AddOption("--speed", &flags->speed, "Replay speed as a multiple of the event times")
      .InRange(0.001, 1e9)
      .Needs("--time-column")
      .Excludes("--rate");
  replay.AddOption("--producer", &flags->producer,
                   "Producer id: the daemon applies its batches once (made from the file and the "
                   "options)");
  replay.AddFlag("--resume", &flags->resume,
                 "Continue an earlier replay of the same file with the same options");
  replay
      .AddOption("--spacing", &flags->spacing,
                 "Time between rows without a time column: 5ms, 1s; the last row is now (100ms; "
                 "with --rate or standard input: the time of arrival)")
      .Excludes("--time-column");
  replay.AddOption("--epoch", &flags->epoch, "Producer epoch").ShowDefault();
  replay.AddFlag("--strict", &flags->strict, "Exit with 1 if any row was refused or rejected");
  AddClientOptions(replay, &flags->client);
  const Option timeout = replay.Find("--timeout");
  replay.OnRun([flags, timeout] {
    if (timeout.given()) flags->give_up_seconds = flags->client.timeout_seconds;
    return Replay(*flags).Run();
  });
}

}  // namespace faultline::cli
