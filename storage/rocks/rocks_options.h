#pragma once

#include <absl/status/status.h>
#include <rocksdb/options.h>
#include <rocksdb/status.h>

#include <string>
#include <string_view>

#include "storage/rocks/rocks_store.h"

namespace faultline {

// The options with which we open RocksDB. Strict about its write-ahead log: a torn end is cut off,
// any other damage is an error.
rocksdb::Options MakeRocksOptions(const RocksStoreOptions& options, const std::string& folder);

// The same for reading only: writes nothing, not even RocksDB's own log.
rocksdb::Options MakeReadOnlyRocksOptions();

// RESOURCE_EXHAUSTED: no space. DATA_LOSS: damaged or missing files. PERMISSION_DENIED,
// FAILED_PRECONDITION (in use, or files of a newer RocksDB), UNAVAILABLE (other I/O).
absl::Status FromRocks(const rocksdb::Status& status, std::string_view doing,
                       const std::string& folder);

}  // namespace faultline
