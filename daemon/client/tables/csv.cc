#include <absl/container/flat_hash_set.h>
#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "base/characters.h"
#include "daemon/client/tables/cell_values.h"
#include "daemon/client/tables/line_reader.h"
#include "daemon/client/tables/row_parser.h"
#include "daemon/core/settings/limits.h"

namespace faultline::cli {
namespace {

enum class Extent : uint8_t { kWhole, kOpen, kBroken };

// The end of the record that begins with `text`, with regard to quotes.
struct RecordEnd {
  Extent extent = Extent::kOpen;
  size_t end = 0;       // kWhole: without its line end
  bool quoted = false;  // kOpen: the text ends inside quotes
};

RecordEnd FindRecordEnd(std::string_view text, char delimiter) {
  size_t at = 0;
  while (at < text.size()) {  // one cell per round
    if (text[at] == '"') {
      ++at;
      for (;;) {
        at = text.find('"', at);
        if (at == std::string_view::npos) return {Extent::kOpen, 0, true};
        if (++at == text.size() || text[at] != '"') break;
        ++at;
      }
      const size_t after = at;
      if (at < text.size() && text[at] == '\r') ++at;
      if (at == text.size()) return {Extent::kOpen, text.size(), false};
      if (text[at] == '\n') return {Extent::kWhole, at, false};
      if (after != at || text[at] != delimiter) return {Extent::kBroken, at, false};
    } else {
      while (at < text.size() && text[at] != delimiter && text[at] != '\n') ++at;
      if (at == text.size()) break;
      if (text[at] == '\n') return {Extent::kWhole, at, false};
    }
    ++at;
  }
  return {Extent::kOpen, text.size(), false};
}

class CsvParser final : public RowParser {
 public:
  CsvParser(std::unique_ptr<ByteSource> source, const CsvOptions& options)
      : lines_(std::move(source), options.row_bytes_max), options_(options) {}

  absl::Status ReadHeader();

  RowResult Next(Row* row, std::string* reason) override {
    if (first_.has_value()) {
      *row = *std::exchange(first_, std::nullopt);
      return RowResult::kRow;
    }
    const RowResult result = NextRecord(row, reason);
    if (result != RowResult::kRow || row->cells.size() == columns_.size()) return result;
    *reason = absl::StrCat(row->cells.size(), " cells, expected ", columns_.size());
    if (lines_.open_end()) absl::StrAppend(reason, "; the file ends in the middle of this line");
    return RowResult::kRefused;
  }

  const std::vector<std::string>& columns() const override { return columns_; }
  absl::Status status() const override { return lines_.status(); }
  bool open_end() const override { return lines_.open_end(); }
  double progress() const override { return lines_.progress(); }

 private:
  RowResult NextRecord(Row* row, std::string* reason);
  RowResult FindQuotedEnd(size_t* end, std::string* reason);
  bool Split(size_t end, Row* row, std::string* reason);
  void SplitCells(char* at, char* end, Row* row) const;
  absl::Status NameColumns(const Row& header);

  LineReader lines_;
  CsvOptions options_;
  std::vector<std::string> columns_;
  std::optional<Row> first_;  // was read to count the columns of a file without header
};

RowResult CsvParser::NextRecord(Row* row, std::string* reason) {
  std::string_view line;
  RowResult result = RowResult::kEnd;
  do {
    result = lines_.Next(&line, reason);
  } while (result == RowResult::kRow && (line.empty() || line == "\r"));
  row->line = lines_.line();
  row->cells.clear();
  if (result != RowResult::kRow) return result;
  size_t end = line.size();
  if (line.find('"') != std::string_view::npos) {
    result = FindQuotedEnd(&end, reason);
    if (result != RowResult::kRow) return result;
    lines_.EndRecord(end);
  }
  return Split(end, row, reason) ? RowResult::kRow : RowResult::kRefused;
}

RowResult CsvParser::FindQuotedEnd(size_t* end, std::string* reason) {
  for (;;) {
    const RecordEnd found = FindRecordEnd(lines_.pending(), options_.delimiter);
    if (found.extent == Extent::kBroken) {
      return lines_.Refuse("text after a closing quote", reason);
    }
    *end = found.end;
    if (found.extent == Extent::kWhole) return RowResult::kRow;
    if (lines_.More()) continue;
    if (found.quoted || lines_.full() || !lines_.status().ok()) {
      return lines_.Refuse("unclosed quote", reason);
    }
    return RowResult::kRow;
  }
}

bool CsvParser::Split(size_t end, Row* row, std::string* reason) {
  const char* why = nullptr;
  if (!IsCleanText(lines_.pending().substr(0, end), &why)) {
    *reason = why;
    return false;
  }
  char* const begin = lines_.begin();
  if (end > 0 && begin[end - 1] == '\r') --end;
  SplitCells(begin, begin + end, row);
  return true;
}

void CsvParser::SplitCells(char* at, char* end, Row* row) const {
  for (;;) {
    RowCell cell;
    cell.kind = CellKind::kText;
    if (at < end && *at == '"') {
      char* write = ++at;
      const char* const begin = write;
      while (at < end) {
        if (*at == '"') {
          if (at + 1 == end || at[1] != '"') break;
          ++at;
        }
        *write++ = *at++;
      }
      cell.text = std::string_view(begin, static_cast<size_t>(write - begin));
      if (at < end) ++at;
    } else {
      auto* stop =
          static_cast<char*>(std::memchr(at, options_.delimiter, static_cast<size_t>(end - at)));
      if (stop == nullptr) stop = end;
      cell.text = std::string_view(at, static_cast<size_t>(stop - at));
      at = stop;
    }
    row->cells.push_back(cell);
    if (at >= end) return;
    ++at;
  }
}

absl::Status CsvParser::NameColumns(const Row& header) {
  absl::flat_hash_set<std::string> taken;
  for (const RowCell& cell : header.cells) {
    const std::string place = absl::StrCat("column_", columns_.size() + 1);
    std::string name(options_.header ? TrimSpaces(cell.text) : place);
    if (name.empty()) name = place;
    const bool control = HasControlCharacter(name);
    if (name.size() > kNameBytesMax || control) {
      return absl::InvalidArgumentError(absl::StrCat(
          "line ", header.line, ": the name of column ", columns_.size() + 1, " is ",
          control ? "not printable" : "longer than 128 bytes", "; is there a header?"));
    }
    const std::string base = name;
    for (int i = 1; !taken.insert(name).second; ++i) name = absl::StrCat(base, ".", i);
    columns_.push_back(std::move(name));
  }
  return absl::OkStatus();
}

absl::Status CsvParser::ReadHeader() {
  Row row;
  std::string reason;
  switch (NextRecord(&row, &reason)) {
    case RowResult::kEnd:
      if (!status().ok()) return status();
      return absl::InvalidArgumentError("the file is empty");
    case RowResult::kRefused:
      return absl::InvalidArgumentError(absl::StrCat("line ", row.line, ": ", reason));
    case RowResult::kRow:
      break;
  }
  if (row.cells.size() > kTableColumnsMax) {
    return absl::InvalidArgumentError(absl::StrCat("line ", row.line, ": ", row.cells.size(),
                                                   " columns; at most ", kTableColumnsMax));
  }
  if (absl::Status named = NameColumns(row); !named.ok()) return named;
  if (!options_.header) first_ = std::move(row);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<RowParser>> MakeCsvParser(std::unique_ptr<ByteSource> source,
                                                         const CsvOptions& options) {
  auto parser = std::make_unique<CsvParser>(std::move(source), options);
  if (absl::Status read = parser->ReadHeader(); !read.ok()) return read;
  return parser;
}

}  // namespace faultline::cli
