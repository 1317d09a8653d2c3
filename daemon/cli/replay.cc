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
#include "daemon/cli/client.h"
#include "daemon/cli/commands.h"
#include "daemon/cli/console.h"
#include "daemon/cli/interrupt.h"
#include "daemon/cli/pace.h"
#include "daemon/cli/producer.h"
#include "daemon/cli/progress.h"
#include "daemon/cli/reference_import.h"
#include "daemon/cli/table_flags.h"
#include "daemon/cli/table_report.h"

namespace faultline::cli {
namespace {

constexpr size_t kRejectedKept = 20;

struct Flags {
  ClientOptions client;
  TableFlags table;
  uint64_t reference_rows = 0;
  uint32_t batch_rows = 256;
  uint64_t batch_bytes = 1 << 20;
  double speed = 0;
  double rate = 0;
  std::string producer;
  uint64_t epoch = 1;
  bool strict = false;
};

// Which lines of the file the rows of unacknowledged batches are, to name those the daemon rejects.
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

std::string DefaultProducerId(const std::string& model) {
  return absl::StrCat("replay-", Cut(Printable(model), 32), "-", WallNowNs(), "-", getpid());
}

class Replay {
 public:
  explicit Replay(const Flags& flags)
      : flags_(flags), progress_(NameOfFile(flags.table.path), flags.client.json()) {}

  int Run();

 private:
  int ImportFirstRows();
  int Start();
  absl::Status Stream();
  absl::Status Flush();
  std::string Text() const;
  std::string Json() const;

  const Flags& flags_;
  TableOptions options_;
  std::unique_ptr<TableReader> table_;
  Lines lines_;
  std::unique_ptr<Producer> producer_;
  Progress progress_;
  std::string producer_id_;
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
  if (options_.path != "-") interrupt.emplace([this] { stop_ = true; });
  if (const int code = ImportFirstRows(); code != kExitOk) return code;
  if (const int code = Start(); code != kExitOk) return code;
  absl::Status streamed = Stream();
  if (streamed.ok() || stop_) streamed.Update(Flush());
  progress_.Finish();
  Print(flags_.client.json() ? Json() : Text());
  if (!streamed.ok()) return Report(streamed, flags_.client);
  if (!problem_.ok()) return Complain(problem_, kExitFailed);
  if (table_->counts().accepted == 0 && table_->counts().refused > 0) {
    return Complain("every row was refused", kExitFailed);
  }
  const bool clean = table_->counts().refused == 0 && producer_->totals().rejected_rows == 0;
  return flags_.strict && !clean ? kExitFailed : kExitOk;
}

int Replay::ImportFirstRows() {
  if (flags_.reference_rows == 0) return kExitOk;
  const absl::StatusOr<v1::Reference> reference = ImportReference(
      Connect(flags_.client), options_.model, options_.version, flags_.reference_rows, table_.get(),
      [&](uint64_t rows) { progress_.Update(rows, table_->progress()); });
  if (!reference.ok()) {
    progress_.Finish();
    return Report(reference.status(), flags_.client);
  }
  reference_ = *reference;
  progress_.Say(absl::StrCat("imported ", Grouped(reference_.rows()), " rows as reference ",
                             reference_.version()));
  return kExitOk;
}

int Replay::Start() {
  ProducerOptions options;
  options.address = flags_.client.address.empty() ? DefaultAddress() : flags_.client.address;
  producer_id_ = flags_.producer.empty() ? DefaultProducerId(options_.model) : flags_.producer;
  options.id = producer_id_;
  options.epoch = flags_.epoch;
  options.connect_timeout =
      std::chrono::milliseconds(static_cast<int64_t>(flags_.client.timeout_seconds * 1'000));
  options.on_committed = [this](uint64_t sequence, const v1::BatchOutcome& outcome) {
    lines_.Take(sequence, outcome);
  };
  absl::StatusOr<std::unique_ptr<Producer>> producer = Producer::Connect(std::move(options));
  if (!producer.ok()) {
    progress_.Finish();
    return Report(producer.status(), flags_.client);
  }
  producer_ = *std::move(producer);
  return kExitOk;
}

absl::Status Replay::Stream() {
  Pace pace(flags_.rate, flags_.speed);
  const BatchLimits limits = pace.Limit({.rows = flags_.batch_rows, .bytes = flags_.batch_bytes});
  for (uint64_t sequence = 1; !stop_; ++sequence) {
    TableBatch batch;
    problem_ = table_->Read(limits, &batch);
    if (batch.batch.rows() == 0) return absl::OkStatus();
    const int64_t wait_ns = pace.WaitNs(batch.batch, SteadyNowNs());
    if (wait_ns > 0) std::this_thread::sleep_for(std::chrono::nanoseconds(wait_ns));
    lines_.Add(sequence, std::move(batch.lines));
    const absl::StatusOr<uint64_t> sent = producer_->Send(std::move(batch.batch));
    if (!sent.ok()) return sent.status();
    progress_.Update(table_->counts().read, table_->progress());
  }
  return absl::CancelledError("interrupted; what was sent is acknowledged");
}

// As long as acknowledgements come in.
absl::Status Replay::Flush() {
  const std::chrono::milliseconds patience(
      static_cast<int64_t>(flags_.client.timeout_seconds * 1'000));
  for (;;) {
    const uint64_t before = producer_->totals().unacknowledged_rows;
    absl::Status flushed = producer_->Flush(patience);
    const bool moved = producer_->totals().unacknowledged_rows < before;
    if (!absl::IsDeadlineExceeded(flushed) || !moved) return flushed;
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
  out["unreported_rows"] = totals.unreported_rows;
  out["unacknowledged_rows"] = totals.unacknowledged_rows;
  out["reconnects"] = totals.reconnects;
  AddTableJson(*table_, &out);
  boost::json::array rejected;
  for (const Lines::Rejected& row : lines_.rejected()) {
    rejected.push_back({{"line", row.line}, {"reason", Printable(row.why)}});
  }
  out["rejected"] = std::move(rejected);
  return boost::json::serialize(out) + "\n";
}

}  // namespace

void AddReplay(CLI::App* app, int* exit_code) {
  CLI::App* replay = app->add_subcommand("replay", "Stream a table through the daemon as events");
  auto flags = std::make_shared<Flags>();
  AddTableFlags(replay, &flags->table);
  replay->add_option("--first-rows-as-reference", flags->reference_rows,
                     "Import this many rows as the reference first; the rest is streamed");
  replay->add_option("--batch-rows", flags->batch_rows, "Rows per message, at most")
      ->check(CLI::Range(1u, 65'536u))
      ->capture_default_str();
  replay->add_option("--batch-bytes", flags->batch_bytes, "Bytes per message, about")
      ->check(CLI::Range(uint64_t{1}, uint64_t{32} << 20))
      ->capture_default_str();
  CLI::Option* rate = replay->add_option("--rate", flags->rate, "Rows per second (full speed)")
                          ->check(CLI::Range(0.001, 1e9));
  replay->add_option("--speed", flags->speed, "Times as fast as the event times went by")
      ->check(CLI::Range(0.001, 1e9))
      ->needs("--time-column")
      ->excludes(rate);
  replay->add_option("--producer", flags->producer,
                     "Producer id: the same replay with the same id and epoch is applied once");
  replay->add_option("--epoch", flags->epoch, "Epoch of the producer")->capture_default_str();
  replay->add_flag("--strict", flags->strict, "Exit with 1 if any row was refused or rejected");
  AddClientOptions(replay, &flags->client);
  replay->callback([flags, exit_code] { *exit_code = Replay(*flags).Run(); });
}

}  // namespace faultline::cli
