#include "storage/rocks/rocks_store.h"

#include <absl/strings/str_cat.h>
#include <rocksdb/db.h>
#include <rocksdb/utilities/checkpoint.h>
#include <rocksdb/write_batch.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <system_error>
#include <utility>

#include "storage/folder.h"
#include "storage/rocks/rocks_format.h"
#include "storage/rocks/rocks_options.h"
#include "storage/rocks/rocks_wal.h"

namespace faultline {
namespace {

using Visit = std::function<bool(std::string_view, std::string_view)>;

rocksdb::Slice ToSlice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
std::string_view FromSlice(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

// RocksDB would create a new database over the remains of one whose CURRENT is missing. It writes
// CURRENT before the first log and table, so a folder without them never held a database.
absl::Status RefuseRemains(const std::string& folder) {
  std::error_code error;
  if (std::filesystem::exists(folder + "/CURRENT", error)) return absl::OkStatus();
  for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end;
       at.increment(error)) {
    const std::filesystem::path extension = at->path().extension();
    if (extension == ".sst" || extension == ".log") {
      return absl::DataLossError(absl::StrCat("cannot open ", folder, ": file CURRENT is missing, ",
                                              at->path().filename().string(), " is there"));
    }
  }
  if (error) return ErrnoStatus(error.value(), absl::StrCat("cannot list ", folder));
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<rocksdb::DB>> OpenWith(const rocksdb::Options& options,
                                                      const std::string& folder) {
  rocksdb::DB* db = nullptr;
  rocksdb::Status status = rocksdb::DB::Open(options, folder, &db);
  if (!status.ok()) return FromRocks(status, "cannot open", folder);
  return std::unique_ptr<rocksdb::DB>(db);
}

// Opens strictly. If the log is damaged, opens without its damaged end, provided that no
// acknowledged commit is lost or that the operator allowed it.
absl::StatusOr<std::unique_ptr<rocksdb::DB>> OpenDb(const std::string& folder,
                                                    const RocksStoreOptions& options) {
  if (absl::Status status = RefuseRemains(folder); !status.ok()) return status;
  rocksdb::Options rocks = MakeRocksOptions(options, folder);
  absl::StatusOr<std::unique_ptr<rocksdb::DB>> db = OpenWith(rocks, folder);
  if (db.ok() || !absl::IsDataLoss(db.status())) return db;
  const absl::StatusOr<WalDamage> damage = FindWalDamage(folder);
  if (!damage.ok() || damage->file.empty()) return db;
  if (damage->hides_commits && !options.accept_loss) {
    return absl::DataLossError(absl::StrCat(
        "cannot open ", folder, ": ", damage->file, " is damaged at byte ", damage->offset,
        ", and what was committed after that cannot be trusted; restore a backup, or accept the "
        "loss of everything after the damage"));
  }
  rocks.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  return OpenWith(rocks, folder);
}

// OK if the disk under the folder has that much room, or if the system does not say.
absl::Status CheckRoom(const std::string& folder, uint64_t free_bytes_min) {
  struct statvfs disk {};
  if (free_bytes_min == 0 || ::statvfs(folder.c_str(), &disk) != 0) return absl::OkStatus();
  const uint64_t free_bytes = uint64_t{disk.f_bavail} * disk.f_frsize;
  if (free_bytes >= free_bytes_min) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(
      "the disk of ", folder, " has ", free_bytes >> 20, " MiB free; commits need at least ",
      free_bytes_min >> 20, " MiB: free some space"));
}

class RocksStore final : public Store {
 public:
  RocksStore(std::string folder, const RocksStoreOptions& options, FolderLock lock,
             std::unique_ptr<rocksdb::DB> db)
      : folder_(std::move(folder)), options_(options), lock_(std::move(lock)), db_(std::move(db)) {}

  ~RocksStore() override { Close(std::move(db_)); }

  absl::Status Commit(const std::vector<StateWrite>& writes, bool sync) override {
    const Use use(this);
    if (absl::Status status = use.status(); !status.ok()) return status;
    if (failed_.load(std::memory_order_acquire)) {
      return absl::FailedPreconditionError(
          absl::StrCat("store ", folder_, " refuses commits until it is reopened"));
    }
    if (absl::Status room = CheckRoom(folder_, options_.free_bytes_min); !room.ok()) return room;
    rocksdb::WriteOptions how;
    how.sync = sync;
    how.protection_bytes_per_key = 8;
    rocksdb::WriteBatch batch;
    rocksdb::Status status;
    for (const StateWrite& write : writes) {
      status = write.value ? batch.Put(write.key, *write.value) : batch.Delete(write.key);
      if (!status.ok()) break;
    }
    if (status.ok()) status = use.db().Write(how, &batch);
    if (status.ok()) return absl::OkStatus();
    failed_.store(true, std::memory_order_release);
    return FromRocks(status, "cannot commit to", folder_);
  }

  absl::StatusOr<std::optional<std::string>> Get(std::string_view key) const override {
    const Use use(this);
    if (absl::Status status = use.status(); !status.ok()) return status;
    std::string value;
    rocksdb::Status status = use.db().Get({}, ToSlice(key), &value);
    if (status.IsNotFound() && !status.IsPathNotFound()) return std::nullopt;
    if (!status.ok()) return FromRocks(status, "cannot read", folder_);
    return value;
  }

  absl::Status Scan(std::string_view begin, std::string_view end,
                    const Visit& visit) const override {
    const Use use(this);
    if (absl::Status status = use.status(); !status.ok()) return status;
    const Range range(use.db(), begin, end);
    for (range->Seek(ToSlice(begin)); range->Valid(); range->Next()) {
      if (!visit(FromSlice(range->key()), FromSlice(range->value()))) break;
    }
    return FromRocks(range->status(), "cannot read", folder_);
  }

  absl::Status ScanBackwards(std::string_view begin, std::string_view end,
                             const Visit& visit) const override {
    const Use use(this);
    if (absl::Status status = use.status(); !status.ok()) return status;
    const Range range(use.db(), begin, end);
    // The upper bound of the iterator is exclusive, so that its last key is the one wanted.
    for (range->SeekToLast(); range->Valid(); range->Prev()) {
      if (!visit(FromSlice(range->key()), FromSlice(range->value()))) break;
    }
    return FromRocks(range->status(), "cannot read", folder_);
  }

  absl::Status Reopen() override;
  absl::Status Backup(const std::string& folder) override;

  uint64_t bytes() const override {
    const Use use(this);
    if (!use.status().ok()) return 0;
    uint64_t tables = 0;
    uint64_t logged = 0;
    use.db().GetIntProperty(rocksdb::DB::Properties::kTotalSstFilesSize, &tables);
    use.db().GetIntProperty(rocksdb::DB::Properties::kCurSizeAllMemTables, &logged);
    return tables + logged;
  }

  uint64_t compaction_debt_bytes() const override {
    const Use use(this);
    uint64_t debt = 0;
    if (use.status().ok()) {
      use.db().GetIntProperty(rocksdb::DB::Properties::kEstimatePendingCompactionBytes, &debt);
    }
    return debt;
  }

 private:
  // Keeps the database open while it is used: Reopen waits until no Use is left.
  class Use {
   public:
    explicit Use(const RocksStore* store) : store_(store) {
      const std::lock_guard lock(store->mutex_);
      if (store->db_ == nullptr) return;
      db_ = store->db_.get();
      ++store->uses_;
    }
    ~Use() {
      if (db_ == nullptr) return;
      const std::lock_guard lock(store_->mutex_);
      if (--store_->uses_ == 0) store_->idle_.notify_all();
    }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

    absl::Status status() const {
      if (db_ != nullptr) return absl::OkStatus();
      return absl::UnavailableError(absl::StrCat("store ", store_->folder_, " is not open"));
    }
    rocksdb::DB& db() const { return *db_; }

   private:
    const RocksStore* store_;
    rocksdb::DB* db_ = nullptr;
  };

  // An iterator and the bounds it points to.
  class Range {
   public:
    Range(rocksdb::DB& db, std::string_view begin, std::string_view end)
        : begin_(ToSlice(begin)), end_(ToSlice(end)) {
      rocksdb::ReadOptions how;
      how.fill_cache = false;  // a scan reads everything once
      how.iterate_lower_bound = &begin_;
      if (!end.empty()) how.iterate_upper_bound = &end_;
      // RocksDB wants begin <= end.
      if (!end.empty() && end < begin) end_ = begin_;
      iterator_.reset(db.NewIterator(how));
    }
    rocksdb::Iterator* operator->() const { return iterator_.get(); }

   private:
    rocksdb::Slice begin_;
    rocksdb::Slice end_;
    std::unique_ptr<rocksdb::Iterator> iterator_;
  };

  static void Close(std::unique_ptr<rocksdb::DB> db) {
    // A Commit has reported its errors already, or they concern no commit.
    if (db != nullptr) db->Close().PermitUncheckedError();
  }

  const std::string folder_;
  const RocksStoreOptions options_;
  const FolderLock lock_;
  std::atomic<bool> failed_{false};

  mutable std::mutex mutex_;
  mutable std::condition_variable idle_;
  mutable int uses_ = 0;
  std::unique_ptr<rocksdb::DB> db_;
};

absl::Status RocksStore::Reopen() {
  if (absl::Status room = CheckRoom(folder_, options_.free_bytes_min); !room.ok()) return room;
  failed_.store(true, std::memory_order_release);
  std::unique_ptr<rocksdb::DB> old;
  {
    std::unique_lock lock(mutex_);
    old = std::move(db_);
    idle_.wait(lock, [this] { return uses_ == 0; });
  }
  Close(std::move(old));
  absl::StatusOr<std::unique_ptr<rocksdb::DB>> opened = OpenDb(folder_, options_);
  absl::Status status = opened.status();
  if (!opened.ok()) {
    // Reading can continue at least.
    rocksdb::DB* readable = nullptr;
    if (rocksdb::DB::OpenForReadOnly(MakeReadOnlyRocksOptions(), folder_, &readable).ok()) {
      opened = std::unique_ptr<rocksdb::DB>(readable);
    }
  }
  const std::lock_guard lock(mutex_);
  if (opened.ok()) db_ = *std::move(opened);
  if (status.ok()) failed_.store(false, std::memory_order_release);
  return status;
}

absl::Status RocksStore::Backup(const std::string& folder) {
  const Use use(this);
  if (absl::Status status = use.status(); !status.ok()) return status;
  std::error_code error;
  if (std::filesystem::exists(std::filesystem::symlink_status(folder, error))) {
    return absl::AlreadyExistsError(
        absl::StrCat("backup folder ", folder, " exists; choose another"));
  }
  // RocksDB creates folders that everyone can read, so it works inside a private folder until the
  // backup has its final name and permissions.
  const std::string staging = absl::StrCat(folder, ".partial");
  const std::string staged = absl::StrCat(staging, "/state");
  std::filesystem::remove_all(staging, error);
  if (absl::Status status = CreatePrivateFolder(staging); !status.ok()) return status;
  rocksdb::Checkpoint* checkpoint = nullptr;
  rocksdb::Status made = rocksdb::Checkpoint::Create(&use.db(), &checkpoint);
  const std::unique_ptr<rocksdb::Checkpoint> owned(checkpoint);
  if (made.ok()) made = owned->CreateCheckpoint(std::filesystem::absolute(staged).string());
  absl::Status status = FromRocks(made, "cannot back up to", folder);
  if (status.ok() && ::chmod(staged.c_str(), 0700) != 0) {
    status = ErrnoStatus(errno, absl::StrCat("cannot set permissions of ", staged));
  }
  if (status.ok() && ::rename(staged.c_str(), folder.c_str()) != 0) {
    status = ErrnoStatus(errno, absl::StrCat("cannot rename ", staged, " to ", folder));
  }
  std::filesystem::remove_all(staging, error);
  if (!status.ok()) return status;
  return SyncFolder(std::filesystem::absolute(folder).parent_path().string());
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenRocksStore(const std::string& folder,
                                                      const RocksStoreOptions& options) {
  if (absl::Status status = CreatePrivateFolder(folder); !status.ok()) return status;
  absl::StatusOr<FolderLock> lock = FolderLock::Acquire(folder);
  if (!lock.ok()) return lock.status();
  if (absl::Status room = CheckRoom(folder, options.free_bytes_min); !room.ok()) return room;
  absl::StatusOr<std::unique_ptr<rocksdb::DB>> db = OpenDb(folder, options);
  if (!db.ok()) return db.status();
  if (absl::Status status = CheckFormat(**db, folder, /*may_write=*/true); !status.ok()) {
    return status;
  }
  return std::make_unique<RocksStore>(folder, options, *std::move(lock), *std::move(db));
}

}  // namespace faultline
