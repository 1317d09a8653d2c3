#pragma once

#include <rocksdb/env.h>

#include <memory>
#include <string>

namespace faultline {

// What RocksDB says of itself, in the file LOG of its folder; the former one is LOG.old. Unlike
// RocksDB's own, it leaves out a line that the disk does not take, instead of ending the process.
std::shared_ptr<rocksdb::Logger> OpenRocksLog(const std::string& folder);

}  // namespace faultline
