#include <absl/strings/str_cat.h>

#include <cmath>
#include <fstream>
#include <map>
#include <memory>

#include "daemon/cli/args/table_flags.h"
#include "daemon/cli/args/table_report.h"
#include "daemon/cli/commands/commands.h"
#include "daemon/cli/console/outcome.h"
#include "daemon/cli/migrate/config_import.h"
#include "daemon/edge/decode/decode.h"

namespace faultline::cli {
namespace {

// Limit on a reference that rules are made from; it is held in memory.
constexpr uint64_t kValuesMax = 50'000'000;
constexpr size_t kFileBytesMax = 64u << 20;

struct Flags {
  TableFlags table;
  std::string rules;
  std::string statistics;
  uint64_t window_rows = 1'000;
};

absl::StatusOr<std::string> ReadWhole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::NotFoundError(absl::StrCat(path, ": cannot read the file"));
  std::string text(kFileBytesMax + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  if (text.size() > kFileBytesMax) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": larger than the limit of 64 MiB"));
  }
  return text;
}

// The columns of a table, gathered batch by batch.
class Columns {
 public:
  // False if that is more than is held.
  bool Take(const EventBatch& batch) {
    for (const Column& column : batch.columns) {
      if (column.type == ColumnType::kEmbedding) continue;
      const auto [place, is_new] = places_.try_emplace(column.name, columns_.size());
      if (is_new) {
        columns_.push_back({column.name, column.type == ColumnType::kString, {}});
        numbers_.emplace_back();
      }
      for (uint32_t row = 0; row < batch.rows; ++row) {
        if (!column.IsNull(row)) Take(column, row, place->second);
      }
    }
    return values_ <= kValuesMax;
  }
  const std::vector<ReferenceColumn>& columns() const { return columns_; }

 private:
  void Take(const Column& column, uint32_t row, size_t place) {
    double value = 0;
    if (column.type == ColumnType::kString) {
      std::map<std::string, double>& numbers = numbers_[place];
      value = numbers
                  .try_emplace(column.dictionary[column.codes[row]],
                               static_cast<double>(numbers.size()))
                  .first->second;
    } else {
      value = column.numbers[row];
      if (!std::isfinite(value)) return;
    }
    columns_[place].values.push_back(value);
    ++values_;
  }

  std::vector<ReferenceColumn> columns_;
  std::map<std::string, size_t> places_;
  std::vector<std::map<std::string, double>> numbers_;  // of categories, by column
  uint64_t values_ = 0;
};

absl::StatusOr<std::string> FromReference(const Flags& flags, const TableOptions& options,
                                          const ImportedModel& model) {
  absl::StatusOr<std::unique_ptr<TableReader>> table = TableReader::Open(options);
  if (!table.ok()) return table.status();
  Columns columns;
  for (;;) {
    TableBatch batch;
    absl::Status read = (*table)->Read({}, &batch);
    if (!read.ok()) return read;
    if (batch.batch.rows() == 0) break;
    Refusal refusal;
    const auto decoded = DecodeBatch(&batch.batch, {}, &refusal);
    if (decoded == nullptr) return absl::InvalidArgumentError(refusal.message);
    if (!columns.Take(*decoded)) {
      return absl::ResourceExhaustedError(
          "more than the limit of 50 000 000 values; read fewer rows with --rows");
    }
  }
  return flags.rules == "nannyml" ? ConfigOfNannyMl(columns.columns(), model)
                                  : ConfigOfEvidently(columns.columns(), model);
}

absl::StatusOr<std::string> FromSageMaker(const Flags& flags, const ImportedModel& model) {
  absl::StatusOr<std::string> constraints = ReadWhole(flags.table.path);
  if (!constraints.ok()) return constraints;
  std::string statistics;
  if (!flags.statistics.empty()) {
    absl::StatusOr<std::string> read = ReadWhole(flags.statistics);
    if (!read.ok()) return read;
    statistics = *std::move(read);
  }
  return ConfigOfSageMaker(*constraints, statistics, model);
}

int Run(const Flags& flags) {
  const absl::StatusOr<TableOptions> options = ToTableOptions(flags.table);
  if (!options.ok()) return Complain(options.status(), kExitUsage);
  const ImportedModel model{flags.table.model.empty() ? "*" : flags.table.model, flags.window_rows};
  const absl::StatusOr<std::string> config = flags.rules == "sagemaker"
                                                 ? FromSageMaker(flags, model)
                                                 : FromReference(flags, *options, model);
  if (!config.ok()) return Complain(config.status(), kExitFailed);
  Print(*config);
  return kExitOk;
}

}  // namespace

void AddConfigImport(Command config) {
  Command command =
      config.Add("import",
                 "Print another tool's rules as a configuration of ours: SageMaker's constraints "
                 "file, or what Evidently or NannyML would hold a reference table against");
  auto flags = std::make_shared<Flags>();
  AddTableFlags(command, &flags->table);
  command.AddOption("--rules", &flags->rules, "Tool whose rules are imported")
      .Required()
      .OneOf({"sagemaker", "evidently", "nannyml"});
  command.AddOption("--statistics", &flags->statistics,
                    "SageMaker's statistics.json for the constraints");
  command.AddOption("--window-rows", &flags->window_rows, "Rows per evaluation window")
      .InRange(uint64_t{100}, uint64_t{100'000})
      .ShowDefault();
  command.OnRun([flags] { return Run(*flags); });
}

}  // namespace faultline::cli
