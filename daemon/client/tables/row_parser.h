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

// Cuts bytes into rows. A row that breaks the format is refused with a reason, and reading goes on
// with the next line.
//
// Limitations:  a row longer than its limit is refused; no more than that is ever held.
class RowParser {
 public:
  virtual ~RowParser() = default;
  // On kRefused, `row->line` and `reason` say which and why. After kEnd, status() says whether the
  // file itself ended as it should.
  virtual RowResult Next(Row* row, std::string* reason) = 0;
  // Names by column. JSON lines may append to them with each row.
  virtual const std::vector<std::string>& columns() const = 0;
  virtual absl::Status status() const = 0;
  // True if the last line has no line end, so that it may have been cut.
  virtual bool open_end() const = 0;
  virtual double progress() const = 0;
};

struct CsvOptions {
  char delimiter = ',';
  bool header = true;  // false: columns are named column_1, column_2, ...
  size_t row_bytes_max = 4 << 20;
};

// CSV as RFC 4180 has it, more lenient where that is safe: LF or CRLF, quotes inside unquoted cells
// stand for themselves, empty lines are skipped, a byte order mark is dropped. A name that stands
// twice in the header gets ".1", ".2". INVALID_ARGUMENT if there is no usable header.
absl::StatusOr<std::unique_ptr<RowParser>> MakeCsvParser(std::unique_ptr<ByteSource> source,
                                                         const CsvOptions& options);

// One JSON object per line. Objects inside it become columns "outer.inner"; arrays of numbers are
// vectors; other arrays refuse the row.
std::unique_ptr<RowParser> MakeJsonLinesParser(std::unique_ptr<ByteSource> source,
                                               size_t row_bytes_max);

}  // namespace faultline::cli
