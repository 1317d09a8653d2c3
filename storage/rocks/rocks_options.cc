#include "storage/rocks/rocks_options.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <rocksdb/cache.h>
#include <rocksdb/env.h>
#include <rocksdb/file_checksum.h>
#include <rocksdb/listener.h>
#include <rocksdb/table.h>

#include <algorithm>
#include <memory>

#include "storage/rocks/rocks_log.h"

namespace faultline {
namespace {

class SilentLogger final : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char* /*format*/, va_list /*arguments*/) override {}
};

// The committer decides when to reopen; RocksDB 7.8's own recovery races with closing.
class NoAutoRecovery final : public rocksdb::EventListener {
 public:
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason /*reason*/,
                            rocksdb::Status /*background_error*/, bool* auto_recovery) override {
    *auto_recovery = false;
  }
};

// Panes are compressed little and read in bulk; the cache mostly holds index blocks.
rocksdb::BlockBasedTableOptions MakeTableOptions(uint64_t block_cache_bytes) {
  rocksdb::BlockBasedTableOptions table;
  table.format_version = 5;
  table.checksum = rocksdb::kXXH3;
  table.block_size = 16 << 10;
  table.cache_index_and_filter_blocks = true;
  table.block_cache = rocksdb::NewLRUCache(block_cache_bytes, /*num_shard_bits=*/0);
  return table;
}

rocksdb::Options MakeSilentRocksOptions(const RocksStoreOptions& options) {
  rocksdb::Options rocks;
  rocks.create_if_missing = true;
  rocks.paranoid_checks = true;
  rocks.force_consistency_checks = true;
  // A torn end is a commit that was never acknowledged.
  rocks.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  rocks.max_bgerror_resume_count = 0;
  rocks.listeners.push_back(std::make_shared<NoAutoRecovery>());
  rocks.file_checksum_gen_factory = rocksdb::GetFileChecksumGenCrc32cFactory();

  rocks.write_buffer_size = options.write_buffer_bytes;
  rocks.max_write_buffer_number = 2;
  rocks.arena_block_size = std::min<uint64_t>(1 << 20, options.write_buffer_bytes / 8);
  rocks.memtable_protection_bytes_per_key = 8;
  rocks.max_total_wal_size = 64ull << 20;
  rocks.target_file_size_base = 16ull << 20;
  rocks.max_bytes_for_level_base = 64ull << 20;
  rocks.compression = rocksdb::kLZ4Compression;
  rocks.table_factory.reset(
      rocksdb::NewBlockBasedTableFactory(MakeTableOptions(options.block_cache_bytes)));

  rocks.max_background_jobs = 2;  // one flush, one compaction
  rocks.max_subcompactions = 1;
  rocks.max_open_files = 256;
  rocks.max_file_opening_threads = 1;
  rocks.max_manifest_file_size = 4ull << 20;
  rocks.stats_dump_period_sec = 0;
  rocks.stats_persist_period_sec = 0;
  rocks.info_log = std::make_shared<SilentLogger>();
  rocks.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  return rocks;
}

}  // namespace

rocksdb::Options MakeRocksOptions(const RocksStoreOptions& options, const std::string& folder) {
  rocksdb::Options rocks = MakeSilentRocksOptions(options);
  rocks.info_log = OpenRocksLog(folder);
  return rocks;
}

rocksdb::Options MakeReadOnlyRocksOptions() {
  rocksdb::Options rocks = MakeSilentRocksOptions({});
  rocks.create_if_missing = false;
  return rocks;
}

absl::Status FromRocks(const rocksdb::Status& status, std::string_view doing,
                       const std::string& folder) {
  if (status.ok()) return absl::OkStatus();
  const std::string why = status.ToString();
  const std::string message = absl::StrCat(std::string(doing), " ", folder, ": ", why);
  if (status.IsNoSpace() || status.subcode() == rocksdb::Status::kSpaceLimit ||
      absl::StrContains(why, "File too large") || absl::StrContains(why, "Disk quota exceeded")) {
    return absl::ResourceExhaustedError(message);
  }
  if (absl::StrContains(why, "Permission denied") ||
      absl::StrContains(why, "Read-only file system")) {
    return absl::PermissionDeniedError(message);
  }
  if (status.IsBusy() || absl::StrContains(why, "lock hold by current process")) {
    return absl::FailedPreconditionError(message);
  }
  if (status.IsNotSupported()) {
    return absl::FailedPreconditionError(
        absl::StrCat(message, " (written by a newer version of faultline?)"));
  }
  if (status.IsCorruption() || status.IsPathNotFound() || status.IsNotFound() ||
      status.IsInvalidArgument()) {
    return absl::DataLossError(message);
  }
  return absl::UnavailableError(message);
}

}  // namespace faultline
