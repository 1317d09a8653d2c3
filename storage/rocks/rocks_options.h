#pragma once

#include <absl/status/status.h>
#include <rocksdb/options.h>
#include <rocksdb/status.h>

#include <string>
#include <string_view>

#include "storage/rocks/rocks_store.h"

namespace faultline {

// RocksDB as every part of us opens it. Strict about its write-ahead log: a torn end is cut off,
// anything else is an error.
rocksdb::Options MakeRocksOptions(const RocksStoreOptions& options, const std::string& folder);

// The same for looking only: writes nothing, not even its own log.
rocksdb::Options MakeReadOnlyRocksOptions();

// RESOURCE_EXHAUSTED: no space. DATA_LOSS: damaged or missing files. PERMISSION_DENIED,
// FAILED_PRECONDITION (in use, or files of a newer RocksDB), UNAVAILABLE (other I/O).
absl::Status FromRocks(const rocksdb::Status& status, std::string_view doing,
                       const std::string& folder);

}  // namespace faultline
