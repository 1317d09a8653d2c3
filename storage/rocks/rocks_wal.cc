#include "storage/rocks/rocks_wal.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/codec.h"
#include "storage/folder.h"
#include "storage/tables/crc32c.h"

namespace faultline {
namespace {

constexpr size_t kBlockBytes = 32 << 10;
constexpr size_t kHeaderBytes = 7;

enum class RecordType : uint8_t { kZero = 0, kFull = 1, kFirst = 2, kMiddle = 3, kLast = 4 };

enum class Look { kRecord, kPadding, kEnd, kDamage };

struct Record {
  RecordType type = RecordType::kZero;
  size_t bytes = 0;  // with the header
};

// RocksDB masks checksums, so that a checksum over them differs.
uint32_t Mask(uint32_t crc) { return (crc >> 15 | crc << 17) + 0xa282ead8u; }

Look LookAt(std::string_view log, size_t offset, Record* record) {
  const size_t left_in_block = kBlockBytes - offset % kBlockBytes;
  if (left_in_block < kHeaderBytes) return Look::kPadding;
  if (offset + kHeaderBytes > log.size()) return Look::kEnd;
  Decoder decoder(log.substr(offset, kHeaderBytes));
  const uint32_t crc = decoder.Fixed32();
  size_t length = decoder.Fixed8();
  length |= static_cast<size_t>(decoder.Fixed8()) << 8;
  const uint8_t type = decoder.Fixed8();
  if (crc == 0 && length == 0 && type == 0) return Look::kPadding;  // allocated, never written
  if (kHeaderBytes + length > left_in_block) return Look::kDamage;
  if (offset + kHeaderBytes + length > log.size()) return Look::kEnd;
  if (type == 0 || type > static_cast<uint8_t>(RecordType::kLast)) return Look::kDamage;
  if (Mask(Crc32c(log.substr(offset + 6, 1 + length))) != crc) return Look::kDamage;
  *record = {static_cast<RecordType>(type), kHeaderBytes + length};
  return Look::kRecord;
}

size_t NextBlock(size_t offset) { return (offset / kBlockBytes + 1) * kBlockBytes; }

bool BeginsCommit(const Record& record) {
  return record.type == RecordType::kFull || record.type == RecordType::kFirst;
}

std::optional<size_t> FindDamage(std::string_view log) {
  for (size_t offset = 0; offset < log.size();) {
    Record record;
    switch (LookAt(log, offset, &record)) {
      case Look::kRecord:
        offset += record.bytes;
        break;
      case Look::kPadding:
        offset = NextBlock(offset);
        break;
      case Look::kEnd:
        return std::nullopt;
      case Look::kDamage:
        return offset;
    }
  }
  return std::nullopt;
}

// A damaged length does not tell where the next record is, so this tries every byte.
bool CommitBeginsAfter(std::string_view log, size_t offset) {
  while (offset < log.size()) {
    Record record;
    if (LookAt(log, offset, &record) != Look::kRecord) {
      ++offset;
      continue;
    }
    if (BeginsCommit(record)) return true;
    offset += record.bytes;
  }
  return false;
}

absl::StatusOr<std::string> ReadWhole(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (!in.good() && !in.eof()) return absl::UnavailableError(absl::StrCat("cannot read ", path));
  return bytes;
}

absl::StatusOr<std::vector<std::string>> LogsOf(const std::string& folder) {
  std::vector<std::pair<uint64_t, std::string>> logs;
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end;
       at.increment(error)) {
    uint64_t number = 0;
    if (at->path().extension() == ".log" && absl::SimpleAtoi(at->path().stem().string(), &number)) {
      logs.emplace_back(number, at->path().string());
    }
  }
  if (error) return ErrnoStatus(error.value(), absl::StrCat("cannot list ", folder));
  std::sort(logs.begin(), logs.end());
  std::vector<std::string> paths;
  for (auto& [number, path] : logs) paths.push_back(std::move(path));
  return paths;
}

}  // namespace

absl::StatusOr<WalDamage> FindWalDamage(const std::string& folder) {
  const absl::StatusOr<std::vector<std::string>> logs = LogsOf(folder);
  if (!logs.ok()) return logs.status();
  WalDamage damage;
  for (const std::string& path : *logs) {
    const absl::StatusOr<std::string> log = ReadWhole(path);
    if (!log.ok()) return log.status();
    size_t search_from = 0;
    if (damage.file.empty()) {
      const std::optional<size_t> offset = FindDamage(*log);
      if (!offset) continue;
      damage.file = path;
      damage.offset = *offset;
      search_from = *offset + 1;
    }
    if (CommitBeginsAfter(*log, search_from)) {
      damage.hides_commits = true;
      return damage;
    }
  }
  return damage;
}

}  // namespace faultline
