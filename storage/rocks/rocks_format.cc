#include "storage/rocks/rocks_format.h"

#include <absl/strings/str_cat.h>

#include <memory>

#include "base/codec.h"
#include "storage/rocks/rocks_options.h"
#include "storage/rocks/rocks_store.h"
#include "storage/tables/keys.h"
#include "storage/tables/records.h"

namespace faultline {
namespace {

absl::Status FormatANewFolder(rocksdb::DB& db, const std::string& folder, bool may_write) {
  const std::unique_ptr<rocksdb::Iterator> any(db.NewIterator({}));
  any->SeekToFirst();
  if (!any->status().ok()) return FromRocks(any->status(), "cannot read", folder);
  if (any->Valid() || !may_write) {
    return absl::FailedPreconditionError(absl::StrCat(
        folder,
        " holds a database without a data format record, so Faultline did not write it; choose "
        "another data folder"));
  }
  std::string payload;
  Encoder(&payload).Varint(kDataFormatVersion);
  rocksdb::WriteOptions how;
  how.sync = true;
  return FromRocks(
      db.Put(how, GlobalKey(Global::kFormatVersion), SealRecord(Table::kGlobal, payload)),
      "cannot write", folder);
}

}  // namespace

absl::Status CheckFormat(rocksdb::DB& db, const std::string& folder, bool may_write) {
  std::string sealed;
  const rocksdb::Status status = db.Get({}, GlobalKey(Global::kFormatVersion), &sealed);
  if (status.IsNotFound() && !status.IsPathNotFound()) {
    return FormatANewFolder(db, folder, may_write);
  }
  if (!status.ok()) return FromRocks(status, "cannot read", folder);
  const absl::StatusOr<std::string_view> payload = OpenRecord(Table::kGlobal, sealed);
  if (!payload.ok()) {
    return absl::Status(payload.status().code(),
                        absl::StrCat("data format of ", folder, ": ", payload.status().message()));
  }
  Decoder decoder(*payload);
  const uint64_t version = decoder.Varint();
  if (!decoder.Done() || version == 0) {
    return absl::DataLossError(
        absl::StrCat("data format of ", folder, " cannot be read; restore a backup"));
  }
  if (version > kDataFormatVersion) {
    return absl::FailedPreconditionError(absl::StrCat(
        "folder ", folder, " has data format ", version, ", this faultline knows up to ",
        kDataFormatVersion, "; start the newer faultline that wrote it, or restore a backup"));
  }
  return absl::OkStatus();
}

}  // namespace faultline
