#pragma once

#include <absl/status/status.h>
#include <rocksdb/db.h>

#include <string>

namespace faultline {

// Checks the record of a folder's data format. An empty database gets one if `may_write`.
// FAILED_PRECONDITION if the format is newer than kDataFormatVersion, or if there are keys but no
// such record; DATA_LOSS if the record is damaged.
absl::Status CheckFormat(rocksdb::DB& db, const std::string& folder, bool may_write);

}  // namespace faultline
