#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "daemon/client/tables/cell_values.h"
#include "daemon/client/tables/row_parser.h"
#include "faultline/v1/event.pb.h"

namespace faultline::cli {

enum class TableFormat : uint8_t { kAuto, kCsv, kJsonLines };
enum class TableType : uint8_t { kNumber, kString, kBool, kEmbedding };

struct TableOptions {
  std::string path;                         // "-": standard input
  TableFormat format = TableFormat::kAuto;  // by name; else JSON lines if it begins with "{"
  CsvOptions csv;
  std::string model = "default";
  std::string version;
  std::map<std::string, TableType> types;  // by column; the others are inferred
  std::map<std::string, v1::ColumnRole> roles;
  std::vector<std::string> ignored;  // columns that are not sent
  std::string id_column;             // empty: no prediction ids
  std::string time_column;           // empty: the time of arrival
  TimeUnit time_unit = TimeUnit::kAuto;
  // Words that mean a missing value, in every column.
  std::vector<std::string> missing = {"", "NA", "N/A", "null", "NULL", "None"};
  bool bad_cells_are_missing = false;  // false: a cell of the wrong type refuses its row
  uint32_t infer_rows = 1'000;
  uint64_t skip_rows = 0;          // passed over at the beginning, whatever is in them
  uint64_t rows_max = UINT64_MAX;  // of the file, behind them
};

struct BatchLimits {
  uint32_t rows = 256;
  uint64_t bytes = 1 << 20;     // about
  int64_t span_ns = INT64_MAX;  // of event times, if there is a time column
};

struct RefusedRow {
  uint64_t line = 0;  // of the file, from 1
  std::string reason;
};

// read = accepted + refused, at every moment. Empty lines, the header and skipped rows do not
// count.
struct TableCounts {
  uint64_t read = 0;
  uint64_t accepted = 0;
  uint64_t refused = 0;
};

// One batch of rows as sent, with the position of each row in the file.
struct TableBatch {
  v1::InferenceBatch batch;
  std::vector<uint64_t> lines;
};

// Reads a table in CSV or JSON lines as batches of one model.
//
// Operation:    the types of columns are inferred from the first rows: a column whose values are
//               all numbers (booleans, vectors) is one, everything else and columns without values
//               are strings. A row that does not fit is refused with its line and the reason.
// Concurrency:  one thread.
// Limitations:  holds one batch, one row, and at the beginning the rows that types are inferred
//               from (at most 32 MiB of them). Cutting into batches depends on the file and the
//               limits alone.
class TableReader {
 public:
  // Opens the file and reads the first rows. INVALID_ARGUMENT if it is not a table, or an option
  // names an unknown column.
  static absl::StatusOr<std::unique_ptr<TableReader>> Open(TableOptions options);
  virtual ~TableReader() = default;

  // Fills `batch` with the next rows; empty at the end. DATA_LOSS or UNAVAILABLE, at the end, if
  // the file is truncated or unreadable. Skips refused rows.
  virtual absl::Status Read(const BatchLimits& limits, TableBatch* batch) = 0;

  virtual const TableCounts& counts() const = 0;
  // The first refused rows, at most 100.
  virtual const std::vector<RefusedRow>& refused() const = 0;
  // True if the last line has no line end: the file may be truncated.
  virtual bool open_end() const = 0;
  // Share of the file that was read, 0 to 1; negative if not known.
  virtual double progress() const = 0;
};

}  // namespace faultline::cli
