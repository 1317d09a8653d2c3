#include <absl/container/flat_hash_map.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <utility>

#include "daemon/client/tables/line_reader.h"
#include "daemon/client/tables/row_parser.h"

namespace faultline::cli {
namespace {

namespace json = boost::json;

constexpr int kDepthMax = 8;

class JsonLinesParser final : public RowParser {
 public:
  JsonLinesParser(std::unique_ptr<ByteSource> source, size_t row_bytes_max)
      : lines_(std::move(source), row_bytes_max) {}

  RowResult Next(Row* row, std::string* reason) override;
  const std::vector<std::string>& columns() const override { return columns_; }
  absl::Status status() const override { return lines_.status(); }
  bool open_end() const override { return lines_.open_end(); }
  double progress() const override { return lines_.progress(); }

 private:
  bool Parse(std::string_view line, Row* row, std::string* reason);
  bool TakeObject(const json::object& object, const std::string& prefix, int depth, Row* row,
                  std::string* reason);
  bool TakeValue(const json::value& value, const std::string& name, int depth, Row* row,
                 std::string* reason);
  bool TakeArray(const json::array& array, RowCell* cell, Row* row) const;

  LineReader lines_;
  std::vector<std::string> columns_;
  absl::flat_hash_map<std::string, size_t> index_;
  json::value document_;  // texts of the row that was given out last point into it
};

RowResult JsonLinesParser::Next(Row* row, std::string* reason) {
  std::string_view line;
  RowResult result = RowResult::kEnd;
  do {
    result = lines_.Next(&line, reason);
    row->line = lines_.line();
  } while (result == RowResult::kRow && line.find_first_not_of(" \t\r") == std::string_view::npos);
  if (result != RowResult::kRow) return result;
  return Parse(line, row, reason) ? RowResult::kRow : RowResult::kRefused;
}

bool JsonLinesParser::Parse(std::string_view line, Row* row, std::string* reason) {
  row->cells.assign(columns_.size(), RowCell());
  row->vectors.clear();
  const char* why = nullptr;
  if (!IsCleanText(line, &why)) {
    *reason = why;
    return false;
  }
  json::error_code error;
  document_ = json::parse(json::string_view(line.data(), line.size()), error);
  if (error) {
    *reason = absl::StrCat("not JSON: ", error.message());
    if (lines_.open_end()) absl::StrAppend(reason, "; the file ends in the middle of this line");
    return false;
  }
  if (!document_.is_object()) {
    *reason = "not a JSON object";
    return false;
  }
  return TakeObject(document_.get_object(), "", 0, row, reason);
}

bool JsonLinesParser::TakeObject(const json::object& object, const std::string& prefix, int depth,
                                 Row* row, std::string* reason) {
  if (depth > kDepthMax) {
    *reason = absl::StrCat("column ", prefix, ": objects nested too deeply");
    return false;
  }
  for (const auto& member : object) {
    std::string name = prefix;
    name.append(member.key().data(), member.key().size());
    if (!TakeValue(member.value(), name, depth, row, reason)) return false;
  }
  return true;
}

bool JsonLinesParser::TakeValue(const json::value& value, const std::string& name, int depth,
                                Row* row, std::string* reason) {
  if (value.is_object()) {
    return TakeObject(value.get_object(), name + ".", depth + 1, row, reason);
  }
  RowCell cell;
  if (value.is_string()) {
    cell.kind = CellKind::kText;
    cell.text = std::string_view(value.get_string().data(), value.get_string().size());
  } else if (value.is_bool()) {
    cell.kind = CellKind::kBool;
    cell.number = value.get_bool() ? 1 : 0;
  } else if (value.is_number()) {
    cell.kind = CellKind::kNumber;
    cell.number = value.to_number<double>();
  } else if (value.is_array() && !TakeArray(value.get_array(), &cell, row)) {
    *reason = absl::StrCat("column ", name, ": an array that is not all numbers");
    return false;
  }
  auto known = index_.find(name);
  if (known == index_.end()) {
    if (columns_.size() == kTableColumnsMax) {
      *reason = absl::StrCat("column ", name, ": more than ", kTableColumnsMax, " columns");
      return false;
    }
    known = index_.emplace(name, columns_.size()).first;
    columns_.push_back(name);
  }
  if (row->cells.size() <= known->second) row->cells.resize(known->second + 1);
  row->cells[known->second] = cell;
  return true;
}

bool JsonLinesParser::TakeArray(const json::array& array, RowCell* cell, Row* row) const {
  cell->kind = CellKind::kVector;
  cell->begin = row->vectors.size();
  cell->size = array.size();
  for (const json::value& value : array) {
    if (!value.is_number()) return false;
    row->vectors.push_back(static_cast<float>(value.to_number<double>()));
  }
  return true;
}

}  // namespace

std::unique_ptr<RowParser> MakeJsonLinesParser(std::unique_ptr<ByteSource> source,
                                               size_t row_bytes_max) {
  return std::make_unique<JsonLinesParser>(std::move(source), row_bytes_max);
}

}  // namespace faultline::cli
