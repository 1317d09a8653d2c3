#pragma once

#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/client/tables/byte_source.h"

namespace faultline::cli {

inline constexpr size_t kTableColumnsMax = 20'000;

enum class CellKind : uint8_t { kMissing, kText, kNumber, kBool, kVector };

// One cell as the format gives it: CSV knows only text, JSON lines know types.
struct RowCell {
  CellKind kind = CellKind::kMissing;
  std::string_view text;  // kText: points into the parser until its next Next
  double number = 0;      // kNumber; kBool: 0 or 1
  size_t begin = 0;       // kVector: where its values are in Row::vectors
  size_t size = 0;
};

struct Row {
  uint64_t line = 0;           // the row begins in this line of the file, counted from 1
  std::vector<RowCell> cells;  // by column; columns beyond its end are missing
  std::vector<float> vectors;
};

enum class RowResult : uint8_t { kRow, kRefused, kEnd };

// Splits bytes into rows. A malformed row is refused with a reason, and reading continues with the
// next line.
//
// Limitations:  a row longer than its limit is refused; no more than that is held.
class RowParser {
 public:
  virtual ~RowParser() = default;
  // On kRefused, `row->line` and `reason` are set. After kEnd, status() tells whether the file
  // ended properly.
  virtual RowResult Next(Row* row, std::string* reason) = 0;
  // Names by column. JSON lines may append to them with each row.
  virtual const std::vector<std::string>& columns() const = 0;
  virtual absl::Status status() const = 0;
  // True if the last line has no line end: the file may be truncated.
  virtual bool open_end() const = 0;
  virtual double progress() const = 0;
};

struct CsvOptions {
  char delimiter = ',';
  bool header = true;  // false: columns are named column_1, column_2, ...
  size_t row_bytes_max = 4 << 20;
};

// CSV as RFC 4180 has it, more lenient where that is safe: LF or CRLF, quotes inside unquoted cells
// are literal, empty lines are skipped, a byte order mark is dropped. Duplicate names in the header
// get ".1", ".2". INVALID_ARGUMENT without a usable header.
absl::StatusOr<std::unique_ptr<RowParser>> MakeCsvParser(std::unique_ptr<ByteSource> source,
                                                         const CsvOptions& options);

// One JSON object per line. Objects inside it become columns "outer.inner"; arrays of numbers are
// vectors; other arrays refuse the row.
std::unique_ptr<RowParser> MakeJsonLinesParser(std::unique_ptr<ByteSource> source,
                                               size_t row_bytes_max);

}  // namespace faultline::cli
