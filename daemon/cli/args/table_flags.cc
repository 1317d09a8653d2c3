#include "daemon/cli/args/table_flags.h"

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

#include <string_view>
#include <utility>

#include "daemon/cli/args/command_line.h"

namespace faultline::cli {
namespace {

template <typename T>
struct Word {
  std::string_view word;
  T value;
};

constexpr Word<TableType> kTypes[] = {
    {"number", TableType::kNumber},
    {"string", TableType::kString},
    {"bool", TableType::kBool},
    {"embedding", TableType::kEmbedding},
};
constexpr Word<v1::ColumnRole> kRoles[] = {
    {"feature", v1::COLUMN_ROLE_FEATURE},
    {"prediction", v1::COLUMN_ROLE_PREDICTION},
    {"prediction_score", v1::COLUMN_ROLE_PREDICTION_SCORE},
    {"latency", v1::COLUMN_ROLE_LATENCY},
    {"status", v1::COLUMN_ROLE_STATUS},
    {"tag", v1::COLUMN_ROLE_TAG},
};
constexpr Word<TimeUnit> kUnits[] = {
    {"auto", TimeUnit::kAuto}, {"s", TimeUnit::kSeconds}, {"ms", TimeUnit::kMillis},
    {"us", TimeUnit::kMicros}, {"ns", TimeUnit::kNanos},  {"rfc3339", TimeUnit::kText},
};

// "column=word"; the column may contain "=", the word may not.
template <typename T, size_t n>
absl::Status ReadPairs(const char* option, const std::vector<std::string>& pairs,
                       const Word<T> (&words)[n], std::map<std::string, T>* out) {
  std::string known;
  for (const Word<T>& word : words) {
    absl::StrAppend(&known, known.empty() ? "" : ", ", std::string(word.word));
  }
  for (const std::string& pair : pairs) {
    const size_t equals = pair.rfind('=');
    const Word<T>* found = nullptr;
    for (const Word<T>& word : words) {
      if (equals != std::string::npos && pair.substr(equals + 1) == word.word) found = &word;
    }
    if (found == nullptr || equals == 0) {
      return absl::InvalidArgumentError(
          absl::StrCat(option, " ", pair, ": expected COLUMN= and one of ", known));
    }
    (*out)[pair.substr(0, equals)] = found->value;
  }
  return absl::OkStatus();
}

std::vector<std::string> WordsOf(const auto& table) {
  std::vector<std::string> words;
  for (const auto& line : table) words.emplace_back(line.word);
  return words;
}

}  // namespace

void AddTableFlags(Command app, TableFlags* flags) {
  app.AddOption("file", &flags->path, "CSV or JSON Lines file, plain or gzip; - for standard input")
      .Required();
  app.AddOption("--model", &flags->model, "Model name (default: the file name)");
  app.AddOption("--version", &flags->version, "Model version");
  app.AddOption("--format", &flags->format, "File format")
      .OneOf({"auto", "csv", "jsonl"})
      .ShowDefault();
  app.AddOption("--delimiter", &flags->delimiter, "Cell delimiter: one character, or tab")
      .ShowDefault();
  app.AddFlag("--no-header", &flags->no_header, "The first line is a row; columns are numbered");
  app.AddOption("--type", &flags->types, "COLUMN=number|string|bool|embedding").Repeated();
  app.AddOption("--role", &flags->roles,
                "COLUMN=feature|prediction|prediction_score|latency|status|tag")
      .Repeated();
  app.AddOption("--label", &flags->label, "COLUMN with the prediction");
  app.AddOption("--ignore", &flags->ignored, "COLUMN to leave out").Repeated();
  app.AddOption("--id-column", &flags->id_column, "COLUMN with the prediction id");
  app.AddOption("--time-column", &flags->time_column, "COLUMN with the event time");
  app.AddOption("--time-unit", &flags->time_unit, "Unit of numeric times")
      .OneOf(WordsOf(kUnits))
      .ShowDefault();
  app.AddOption("--missing", &flags->missing,
                "WORD that stands for no value (besides an empty cell; default NA, N/A, null, "
                "NULL, None)")
      .Repeated();
  app.AddOption("--bad-cells", &flags->bad_cells,
                "A cell of the wrong type: refuse its row, or count it as missing")
      .OneOf({"refuse", "missing"})
      .ShowDefault();
  app.AddOption("--infer-rows", &flags->infer_rows, "Rows used to infer column types")
      .InRange(1u, 1'000'000u)
      .ShowDefault();
  app.AddOption("--skip", &flags->skip_rows, "Rows to skip at the beginning");
  app.AddOption("--rows", &flags->rows, "Most rows to read after those skipped (default: all)");
}

absl::StatusOr<TableOptions> ToTableOptions(const TableFlags& flags) {
  TableOptions options;
  options.path = flags.path;
  if (flags.format == "csv") options.format = TableFormat::kCsv;
  if (flags.format == "jsonl") options.format = TableFormat::kJsonLines;
  const std::string delimiter = flags.delimiter == "tab" ? "\t" : flags.delimiter;
  if (delimiter.size() != 1 || delimiter == "\"" || delimiter == "\n" || delimiter == "\r") {
    return absl::InvalidArgumentError("--delimiter: expected one character, or tab");
  }
  options.csv.delimiter = delimiter[0];
  options.csv.header = !flags.no_header;
  options.model = flags.model.empty() ? NameOfFile(flags.path) : flags.model;
  if (options.model.empty()) {
    return absl::InvalidArgumentError("--model is needed: standard input has no name");
  }
  options.version = flags.version;
  absl::Status read = ReadPairs("--type", flags.types, kTypes, &options.types);
  if (read.ok()) read = ReadPairs("--role", flags.roles, kRoles, &options.roles);
  if (!read.ok()) return read;
  if (!flags.label.empty()) options.roles[flags.label] = v1::COLUMN_ROLE_PREDICTION;
  options.ignored = flags.ignored;
  options.id_column = flags.id_column;
  options.time_column = flags.time_column;
  for (const Word<TimeUnit>& unit : kUnits) {
    if (unit.word == flags.time_unit) options.time_unit = unit.value;
  }
  if (!flags.missing.empty()) {
    options.missing = flags.missing;
    options.missing.emplace_back();
  }
  options.bad_cells_are_missing = flags.bad_cells == "missing";
  options.infer_rows = flags.infer_rows;
  options.skip_rows = flags.skip_rows;
  if (flags.rows > 0) options.rows_max = flags.rows;
  return options;
}

std::string NameOfFile(const std::string& path) {
  if (path == "-") return "";
  std::string name = path.substr(path.rfind('/') + 1);  // npos + 1 is 0
  for (const char* end : {".gz", ".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".json"}) {
    const std::string_view suffix = end;
    if (name.size() > suffix.size() && name.ends_with(suffix)) {
      name.resize(name.size() - suffix.size());
    }
  }
  return name;
}

}  // namespace faultline::cli
