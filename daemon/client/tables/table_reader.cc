#include "daemon/client/tables/table_reader.h"

#include <absl/container/flat_hash_set.h>
#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include <algorithm>
#include <deque>
#include <utility>

#include "daemon/client/tables/column_builder.h"
#include "daemon/core/settings/limits.h"

namespace faultline::cli {
namespace {

constexpr size_t kRefusedKept = 100;
constexpr size_t kInferBytesMax = 32 << 20;

// A row that outlives the parser's next one.
struct KeptRow {
  Row row;
  std::string text;
  bool refused = false;
  std::string reason;

  size_t bytes() const {
    return text.size() + row.cells.size() * sizeof(RowCell) + row.vectors.size() * sizeof(float);
  }
};

KeptRow Keep(const Row& row) {
  KeptRow kept{row, "", false, ""};
  for (const RowCell& cell : row.cells) kept.text.append(cell.text);
  kept.text.shrink_to_fit();
  return kept;
}

// The views of a kept row, made when it is read: moving a string may move its bytes.
void PointInto(KeptRow* kept) {
  size_t at = 0;
  for (RowCell& cell : kept->row.cells) {
    cell.text = std::string_view(kept->text).substr(at, cell.text.size());
    at += cell.text.size();
  }
}

// The types that fit all of a column's cells so far.
struct Guess {
  bool seen = false;
  bool number = true;
  bool boolean = true;
  bool vector = true;

  TableType type() const {
    if (!seen) return TableType::kString;
    if (boolean) return TableType::kBool;
    if (number) return TableType::kNumber;
    return vector ? TableType::kEmbedding : TableType::kString;
  }
};

class Reader final : public TableReader {
 public:
  Reader(TableOptions options, std::unique_ptr<RowParser> parser)
      : options_(std::move(options)),
        parser_(std::move(parser)),
        to_skip_(options_.skip_rows),
        missing_(options_.missing.begin(), options_.missing.end()) {}

  absl::Status Start();
  absl::Status Read(const BatchLimits& limits, TableBatch* batch) override;

  const TableCounts& counts() const override { return counts_; }
  const std::vector<RefusedRow>& refused() const override { return refused_; }
  bool open_end() const override { return parser_->open_end(); }
  double progress() const override { return parser_->progress(); }

 private:
  enum class Use : uint8_t { kColumn, kId, kTime, kIgnored };
  struct Place {
    Use use = Use::kColumn;
    size_t builder = 0;
  };

  RowResult Next(std::string* reason);
  // The next row that is accepted, understood into values_, id_ and time_ns_. False at the end.
  bool NextAccepted();
  bool Understand(std::string* reason);
  bool UnderstandCell(const RowCell& cell, const ColumnBuilder& column, Value* value,
                      std::string* reason);
  bool UnderstandId(const RowCell& cell, std::string* reason);
  bool UnderstandTime(const RowCell& cell, std::string* reason);
  size_t AppendRow(const BatchLimits& limits, TableBatch* batch);
  void Refuse(uint64_t line, std::string reason);
  bool IsMissing(const RowCell& cell) const {
    return cell.kind == CellKind::kMissing ||
           (cell.kind == CellKind::kText && missing_.contains(TrimSpaces(cell.text)));
  }
  void GuessCell(const RowCell& cell, Guess* guess);
  void AddColumn(size_t index, const Guess& guess);
  absl::Status CheckNames() const;

  TableOptions options_;
  std::unique_ptr<RowParser> parser_;
  uint64_t to_skip_;
  absl::flat_hash_set<std::string_view> missing_;
  std::deque<KeptRow> kept_;
  KeptRow current_kept_;
  Row parsed_;
  Row* row_ = &parsed_;  // the current one

  std::vector<Place> places_;  // by column of the parser
  std::vector<ColumnBuilder> builders_;
  bool unread_ = false;  // the current row is understood, but went into no batch yet
  std::vector<Value> values_;
  std::vector<float> vectors_;
  std::deque<std::string> texts_;  // of numbers in string columns; values point into it
  std::string_view id_;
  int64_t time_ns_ = 0;
  TableCounts counts_;
  std::vector<RefusedRow> refused_;
};

absl::Status Reader::Start() {
  std::vector<Guess> guesses;
  size_t bytes = 0;
  while (kept_.size() < options_.infer_rows && bytes < kInferBytesMax) {
    std::string reason;
    const RowResult result = parser_->Next(&parsed_, &reason);
    if (result == RowResult::kEnd) break;
    if (result == RowResult::kRefused) {
      kept_.push_back({Row{parsed_.line, {}, {}}, "", true, std::move(reason)});
      continue;
    }
    guesses.resize(parser_->columns().size());
    for (size_t i = 0; i < parsed_.cells.size(); ++i) GuessCell(parsed_.cells[i], &guesses[i]);
    kept_.push_back(Keep(parsed_));
    bytes += kept_.back().bytes();
  }
  guesses.resize(parser_->columns().size());
  for (size_t i = 0; i < guesses.size(); ++i) AddColumn(i, guesses[i]);
  return CheckNames();
}

void Reader::GuessCell(const RowCell& cell, Guess* guess) {
  if (IsMissing(cell)) return;
  const bool text = cell.kind == CellKind::kText;
  vectors_.clear();
  guess->seen = true;
  guess->number &= cell.kind == CellKind::kNumber || (text && ParseNumber(cell.text).has_value());
  guess->boolean &= cell.kind == CellKind::kBool || (text && ParseBool(cell.text).has_value());
  guess->vector &= cell.kind == CellKind::kVector || (text && ParseVector(cell.text, &vectors_));
}

void Reader::AddColumn(size_t index, const Guess& guess) {
  const std::string& name = parser_->columns()[index];
  Place place;
  if (name == options_.id_column) {
    place.use = Use::kId;
  } else if (name == options_.time_column) {
    place.use = Use::kTime;
  } else if (std::count(options_.ignored.begin(), options_.ignored.end(), name) > 0) {
    place.use = Use::kIgnored;
  } else {
    const auto type = options_.types.find(name);
    const auto role = options_.roles.find(name);
    place.builder = builders_.size();
    builders_.emplace_back(name, type != options_.types.end() ? type->second : guess.type(),
                           role != options_.roles.end() ? role->second : v1::COLUMN_ROLE_FEATURE);
  }
  places_.push_back(place);
}

absl::Status Reader::CheckNames() const {
  const std::vector<std::string>& names = parser_->columns();
  std::vector<std::string> wanted = options_.ignored;
  for (const auto& [name, type] : options_.types) wanted.push_back(name);
  for (const auto& [name, role] : options_.roles) wanted.push_back(name);
  if (!options_.id_column.empty()) wanted.push_back(options_.id_column);
  if (!options_.time_column.empty()) wanted.push_back(options_.time_column);
  for (const std::string& name : wanted) {
    if (std::count(names.begin(), names.end(), name) > 0) continue;
    const std::vector<std::string> first(names.begin(),
                                         names.begin() + std::min<size_t>(names.size(), 20));
    return absl::InvalidArgumentError(absl::StrCat("there is no column \"", name, "\"; there are ",
                                                   absl::StrJoin(first, ", "),
                                                   names.size() > first.size() ? ", ..." : ""));
  }
  return absl::OkStatus();
}

RowResult Reader::Next(std::string* reason) {
  if (kept_.empty()) {
    row_ = &parsed_;
    return parser_->Next(&parsed_, reason);
  }
  current_kept_ = std::move(kept_.front());
  kept_.pop_front();
  PointInto(&current_kept_);
  row_ = &current_kept_.row;
  if (!current_kept_.refused) return RowResult::kRow;
  *reason = current_kept_.reason;
  return RowResult::kRefused;
}

void Reader::Refuse(uint64_t line, std::string reason) {
  ++counts_.refused;
  if (refused_.size() < kRefusedKept) refused_.push_back({line, std::move(reason)});
}

bool Reader::NextAccepted() {
  if (std::exchange(unread_, false)) return true;
  std::string reason;
  for (; to_skip_ > 0; --to_skip_) {
    if (Next(&reason) == RowResult::kEnd) return false;
  }
  while (counts_.read < options_.rows_max) {
    const RowResult result = Next(&reason);
    if (result == RowResult::kEnd) return false;
    ++counts_.read;
    if (result == RowResult::kRow && Understand(&reason)) {
      ++counts_.accepted;
      return true;
    }
    Refuse(row_->line, std::move(reason));
  }
  return false;
}

bool Reader::Understand(std::string* reason) {
  // JSON lines may bring columns that the first rows did not have.
  while (places_.size() < parser_->columns().size()) {
    Guess guess;
    if (places_.size() < row_->cells.size()) GuessCell(row_->cells[places_.size()], &guess);
    AddColumn(places_.size(), guess);
  }
  values_.assign(builders_.size(), Value());
  vectors_.clear();
  texts_.clear();
  size_t floats = row_->vectors.size();
  for (const RowCell& cell : row_->cells) floats += cell.text.size();
  vectors_.reserve(floats);  // values point into it
  static constexpr RowCell kNothing;
  for (size_t i = 0; i < places_.size(); ++i) {
    const RowCell& cell = i < row_->cells.size() ? row_->cells[i] : kNothing;
    const Place& place = places_[i];
    bool good = true;
    if (place.use == Use::kColumn) {
      good = UnderstandCell(cell, builders_[place.builder], &values_[place.builder], reason);
    } else if (place.use == Use::kId) {
      good = UnderstandId(cell, reason);
    } else if (place.use == Use::kTime) {
      good = UnderstandTime(cell, reason);
    }
    if (!good) {
      *reason = absl::StrCat("column ", parser_->columns()[i], ": ", *reason);
      return false;
    }
  }
  return true;
}

std::string Shown(const RowCell& cell) {
  switch (cell.kind) {
    case CellKind::kText:
      return absl::StrCat("\"", std::string(cell.text.substr(0, 40)),
                          cell.text.size() > 40 ? "...\"" : "\"");
    case CellKind::kNumber:
      return absl::StrCat(cell.number);
    case CellKind::kBool:
      return cell.number != 0 ? "true" : "false";
    case CellKind::kVector:
      return absl::StrCat("an array of ", cell.size);
    case CellKind::kMissing:
      break;
  }
  return "nothing";
}

bool Reader::UnderstandCell(const RowCell& cell, const ColumnBuilder& column, Value* value,
                            std::string* reason) {
  if (IsMissing(cell)) return true;
  value->missing = false;
  const bool text = cell.kind == CellKind::kText;
  const char* expected = nullptr;
  switch (column.type()) {
    case TableType::kNumber: {
      const std::optional<double> number =
          text ? ParseNumber(cell.text) : std::optional<double>(cell.number);
      if (number.has_value()) value->number = *number;
      if (!number.has_value() || cell.kind == CellKind::kVector) expected = "a number";
      break;
    }
    case TableType::kBool: {
      const std::optional<bool> truth =
          text ? ParseBool(cell.text) : std::optional<bool>(cell.number != 0);
      if (truth.has_value()) value->number = *truth ? 1 : 0;
      if (!truth.has_value() || cell.kind == CellKind::kVector) expected = "true or false";
      break;
    }
    case TableType::kEmbedding: {
      const size_t begin = vectors_.size();
      if (cell.kind == CellKind::kVector) {
        vectors_.insert(vectors_.end(), row_->vectors.begin() + static_cast<long>(cell.begin),
                        row_->vectors.begin() + static_cast<long>(cell.begin + cell.size));
      } else if (!text || !ParseVector(cell.text, &vectors_)) {
        expected = "an array of numbers";
        break;
      }
      value->vector = vectors_.data() + begin;
      value->size = vectors_.size() - begin;
      if (value->size == 0 || value->size > kEmbeddingDimensionMax) {
        expected = "1 to 4096 numbers";
      }
      break;
    }
    case TableType::kString:
      if (cell.kind == CellKind::kVector) expected = "text";
      value->text = text ? cell.text : texts_.emplace_back(Shown(cell));
      if (cell.text.size() > kCategoryBytesMax) {
        *reason = absl::StrCat("text of ", cell.text.size(), " bytes; at most 1024");
        return options_.bad_cells_are_missing ? (*value = Value(), true) : false;
      }
      break;
  }
  if (expected == nullptr) return true;
  *value = Value();
  if (options_.bad_cells_are_missing) return true;
  *reason = absl::StrCat(Shown(cell), " is not ", expected);
  return false;
}

bool Reader::UnderstandId(const RowCell& cell, std::string* reason) {
  if (cell.kind == CellKind::kText && !cell.text.empty() &&
      cell.text.size() <= kPredictionIdBytesMax) {
    id_ = cell.text;
    return true;
  }
  *reason = absl::StrCat(Shown(cell), " is not an id of 1 to 128 bytes of text");
  return false;
}

bool Reader::UnderstandTime(const RowCell& cell, std::string* reason) {
  std::optional<int64_t> time;
  if (cell.kind == CellKind::kText) time = ParseTimeNs(cell.text, options_.time_unit);
  if (cell.kind == CellKind::kNumber) time = NumberToTimeNs(cell.number, options_.time_unit);
  // On the wire times are unsigned, so that one before 1970 would become one far ahead.
  if (time.has_value() && *time >= 0) {
    time_ns_ = *time;
    return true;
  }
  *reason = absl::StrCat(Shown(cell), " is not a time since 1970");
  return false;
}

size_t Reader::AppendRow(const BatchLimits& limits, TableBatch* batch) {
  v1::InferenceBatch* out = &batch->batch;
  size_t bytes = 8;
  for (size_t i = 0; i < builders_.size(); ++i) {
    if (!builders_[i].started()) {
      builders_[i].Start(out->add_columns(), out->rows(), limits.rows);
    }
    bytes += builders_[i].Append(i < values_.size() ? values_[i] : Value());
  }
  if (!options_.id_column.empty()) out->add_prediction_ids(id_.data(), id_.size());
  if (!options_.time_column.empty()) {
    out->add_event_times_unix_nano(static_cast<uint64_t>(time_ns_));
  }
  batch->lines.push_back(row_->line);
  out->set_rows(out->rows() + 1);
  return bytes + id_.size();
}

absl::Status Reader::Read(const BatchLimits& limits, TableBatch* batch) {
  batch->lines.clear();
  batch->batch.Clear();
  batch->batch.set_model(options_.model);
  batch->batch.set_version(options_.version);
  uint64_t bytes = 0;
  int64_t first_ns = 0;
  const uint32_t rows_max = std::min(limits.rows, kBatchRowsMax);
  bool ended = false;
  while (batch->batch.rows() < rows_max && bytes < limits.bytes) {
    ended = !NextAccepted();
    if (ended) break;
    if (batch->lines.empty()) first_ns = time_ns_;
    bool fits = time_ns_ - first_ns <= limits.span_ns;
    for (size_t i = 0; fits && i < values_.size(); ++i) fits = builders_[i].Fits(values_[i]);
    if (!fits) {
      unread_ = true;
      break;
    }
    bytes += AppendRow(limits, batch);
  }
  for (ColumnBuilder& builder : builders_) builder.Finish();
  return ended && batch->batch.rows() == 0 ? parser_->status() : absl::OkStatus();
}

bool EndsWith(std::string_view text, std::string_view end) { return text.ends_with(end); }

TableFormat FormatOf(const TableOptions& options, std::string_view first) {
  if (options.format != TableFormat::kAuto) return options.format;
  std::string_view name = options.path;
  if (EndsWith(name, ".gz")) name.remove_suffix(3);
  for (const char* end : {".jsonl", ".ndjson", ".json"}) {
    if (EndsWith(name, end)) return TableFormat::kJsonLines;
  }
  for (const char* end : {".csv", ".tsv", ".txt"}) {
    if (EndsWith(name, end)) return TableFormat::kCsv;
  }
  const size_t start = first.find_first_not_of(" \t\r\n");
  const bool brace = start != std::string_view::npos && first[start] == '{';
  return brace ? TableFormat::kJsonLines : TableFormat::kCsv;
}

}  // namespace

absl::StatusOr<std::unique_ptr<TableReader>> TableReader::Open(TableOptions options) {
  absl::StatusOr<std::unique_ptr<ByteSource>> source = OpenByteSource(options.path);
  if (!source.ok()) return source.status();
  absl::StatusOr<std::string> first = (*source)->Peek(64);
  if (!first.ok()) return first.status();
  std::unique_ptr<RowParser> parser;
  if (FormatOf(options, *first) == TableFormat::kJsonLines) {
    parser = MakeJsonLinesParser(*std::move(source), options.csv.row_bytes_max);
  } else {
    absl::StatusOr<std::unique_ptr<RowParser>> csv = MakeCsvParser(*std::move(source), options.csv);
    if (!csv.ok()) {
      return absl::Status(csv.status().code(),
                          absl::StrCat(options.path, ": ", csv.status().message()));
    }
    parser = *std::move(csv);
  }
  const std::string path = options.path;
  auto reader = std::make_unique<Reader>(std::move(options), std::move(parser));
  if (absl::Status started = reader->Start(); !started.ok()) {
    return absl::Status(started.code(), absl::StrCat(path, ": ", started.message()));
  }
  return reader;
}

}  // namespace faultline::cli
