#include "daemon/cli/args/replay_plan.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>

#include "base/clock.h"
#include "daemon/cli/console/console.h"
#include "daemon/client/tables/byte_source.h"

namespace faultline::cli {
namespace {

// FNV-1a, 64 bits (draft-eastlake-fnv).
uint64_t Digest(const std::string& text) {
  uint64_t digest = 0xcbf29ce484222325u;
  for (const char c : text) digest = (digest ^ static_cast<uint8_t>(c)) * 0x100000001b3u;
  return digest;
}

std::string FileIdentity(const std::string& path) {
  std::error_code error;
  const std::filesystem::path whole = std::filesystem::canonical(path, error);
  struct stat file {};
  stat(path.c_str(), &file);
  return absl::StrCat(error ? path : whole.string(), "\n", file.st_size, "\n", file.st_mtim.tv_sec,
                      ".", file.st_mtim.tv_nsec);
}

}  // namespace

std::string ReplayProducerId(const TableOptions& table, const BatchLimits& limits,
                             uint64_t reference_rows) {
  const std::string model = Cut(Printable(table.model), 32);
  if (table.path == "-") return absl::StrCat("replay-", model, "-", WallNowNs(), "-", getpid());
  std::string all = FileIdentity(table.path);
  const auto add = [&all](const auto& value) { absl::StrAppend(&all, "\n", value); };
  for (const std::string& text :
       {table.model, table.version, table.id_column, table.time_column,
        absl::StrJoin(table.ignored, "\t"), absl::StrJoin(table.missing, "\t")}) {
    add(text);
  }
  for (const auto& [column, type] : table.types) add(absl::StrCat(column, "=", type));
  for (const auto& [column, role] : table.roles) add(absl::StrCat(column, "=", role));
  for (const uint64_t number :
       {static_cast<uint64_t>(table.format), static_cast<uint64_t>(table.csv.delimiter),
        static_cast<uint64_t>(table.csv.header), static_cast<uint64_t>(table.time_unit),
        static_cast<uint64_t>(table.bad_cells_are_missing), uint64_t{table.infer_rows},
        table.skip_rows, table.rows_max, uint64_t{limits.rows}, limits.bytes,
        static_cast<uint64_t>(limits.span_ns), reference_rows}) {
    add(number);
  }
  return absl::StrCat("replay-", model, "-", absl::Hex(Digest(all), absl::kZeroPad16));
}

absl::StatusOr<uint64_t> CountLines(const std::string& path) {
  const absl::StatusOr<std::unique_ptr<ByteSource>> source = OpenByteSource(path);
  if (!source.ok()) return source.status();
  std::array<char, 65'536> buffer;
  uint64_t lines = 1;  // the last one may have no end
  for (;;) {
    const absl::StatusOr<size_t> got = (*source)->Read(buffer.data(), buffer.size());
    if (!got.ok() || *got == 0) return lines;  // the table's reader reports errors
    const auto end = buffer.begin() + static_cast<std::ptrdiff_t>(*got);
    lines += static_cast<uint64_t>(std::count(buffer.begin(), end, '\n'));
  }
}

RowTimes::RowTimes(uint64_t rows, int64_t spacing_ns, int64_t end_ns, int64_t newest_ns)
    : end_ns_(end_ns), spacing_ns_(static_cast<double>(spacing_ns)) {
  const auto n = static_cast<double>(std::max<uint64_t>(rows, 1));
  const double room =
      static_cast<double>(end_ns - (newest_ns > 0 ? std::min(newest_ns, end_ns) : 0));
  spacing_ns_ = std::min(spacing_ns_, room / n);
  start_ns_ = end_ns - static_cast<int64_t>(spacing_ns_ * n);
}

void RowTimes::Fill(v1::InferenceBatch* batch) {
  batch->clear_event_times_unix_nano();
  for (uint32_t i = 0; i < batch->rows(); ++i) {
    const int64_t at =
        start_ns_ + static_cast<int64_t>(static_cast<double>(++given_) * spacing_ns_);
    batch->add_event_times_unix_nano(static_cast<uint64_t>(std::min(at, end_ns_)));
  }
}

}  // namespace faultline::cli
