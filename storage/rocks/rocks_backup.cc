#include "storage/rocks/rocks_backup.h"

#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <rocksdb/db.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <memory>
#include <system_error>

#include "storage/folder.h"
#include "storage/rocks/rocks_format.h"
#include "storage/rocks/rocks_options.h"

namespace faultline {
namespace {

namespace fs = std::filesystem;

absl::Status SyncFile(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return ErrnoStatus(errno, absl::StrCat("cannot open ", path));
  const int result = ::fsync(file);
  const int failure = errno;
  ::close(file);
  if (result != 0) return ErrnoStatus(failure, absl::StrCat("cannot sync ", path));
  return absl::OkStatus();
}

// The folder's files, without the lock and the log of the process that had it open.
absl::Status CopyFolder(const std::string& from, const std::string& to) {
  std::error_code error;
  for (fs::directory_iterator at(from, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (name == "LOCK" || name == "faultline.lock" || name.starts_with("LOG")) continue;
    if (!at->is_regular_file(error)) continue;
    const std::string copy = absl::StrCat(to, "/", name);
    if (!fs::copy_file(at->path(), copy, error)) break;
    if (absl::Status status = SyncFile(copy); !status.ok()) return status;
  }
  if (error) return ErrnoStatus(error.value(), absl::StrCat("cannot copy ", from, " to ", to));
  return SyncFolder(to);
}

}  // namespace

absl::StatusOr<BackupReading> VerifyBackup(const std::string& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error)) {
    return absl::NotFoundError(absl::StrCat("no such backup folder: ", folder));
  }
  rocksdb::DB* opened = nullptr;
  rocksdb::Status status =
      rocksdb::DB::OpenForReadOnly(MakeReadOnlyRocksOptions(), folder, &opened);
  if (!status.ok()) return FromRocks(status, "cannot open backup", folder);
  const std::unique_ptr<rocksdb::DB> db(opened);
  if (absl::Status format = CheckFormat(*db, folder, /*may_write=*/false); !format.ok()) {
    return format;
  }
  status = db->VerifyFileChecksums({});
  if (status.ok()) status = db->VerifyChecksum();
  if (!status.ok()) return FromRocks(status, "damaged backup", folder);
  BackupReading reading;
  rocksdb::ReadOptions how;
  how.fill_cache = false;
  const std::unique_ptr<rocksdb::Iterator> at(db->NewIterator(how));
  for (at->SeekToFirst(); at->Valid(); at->Next()) {
    ++reading.keys;
    reading.bytes += at->key().size() + at->value().size();
  }
  if (!at->status().ok()) return FromRocks(at->status(), "damaged backup", folder);
  return reading;
}

absl::Status RestoreBackup(const std::string& from, const std::string& to) {
  std::error_code error;
  if (fs::exists(fs::symlink_status(to, error))) {
    return absl::AlreadyExistsError(
        absl::StrCat(to, " exists; nothing was restored. Choose a folder that does not exist"));
  }
  absl::StatusOr<BackupReading> source = VerifyBackup(from);
  if (!source.ok()) return source.status();
  const std::string staging = absl::StrCat(to, ".partial");
  fs::remove_all(staging, error);
  absl::Status status = CreatePrivateFolder(staging);
  if (status.ok()) status = CopyFolder(from, staging);
  if (status.ok()) status = VerifyBackup(staging).status();
  if (status.ok() && ::rename(staging.c_str(), to.c_str()) != 0) {
    status = ErrnoStatus(errno, absl::StrCat("cannot rename ", staging, " to ", to));
  }
  if (!status.ok()) {
    fs::remove_all(staging, error);
    return status;
  }
  return SyncFolder(fs::absolute(to).parent_path().string());
}

}  // namespace faultline
