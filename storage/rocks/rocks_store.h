#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string>

#include "storage/store.h"

namespace faultline {

// The layout of a data folder as a whole; raised when a folder of the old layout can no longer be
// read record by record.
inline constexpr uint64_t kDataFormatVersion = 1;

struct RocksStoreOptions {
  uint64_t block_cache_bytes = 8ull << 20;
  // Up to two buffers are in memory, and a start reads up to twice as much log.
  uint64_t write_buffer_bytes = 16ull << 20;
  // With less than this free on the disk, opening and commits are refused before RocksDB runs out
  // of space: it needs room to write its buffers, and a partial append leaves it in states that its
  // own assertions do not foresee. 0: not checked.
  uint64_t free_bytes_min = 32ull << 20;
  // Opens a folder whose log is damaged in its middle, without the commits after the damage. For an
  // operator who has no backup.
  bool accept_loss = false;
};

// A store on embedded RocksDB, in a folder of its own (created, 0700).
//
// Failures:  RESOURCE_EXHAUSTED from opening, Commit or Reopen while the disk has less than
//            free_bytes_min free; the store continues by itself once there is room.
//            FAILED_PRECONDITION: the folder has an owner, or holds a newer data format, or is
//            not ours. PERMISSION_DENIED: read-only. RESOURCE_EXHAUSTED: the disk is full.
//            DATA_LOSS: damaged, with the file if it is known; nothing was changed. A failed Commit
//            is either complete or absent after Reopen. During a Reopen, or after one failed, reads
//            may return UNAVAILABLE. A visitor must not call Reopen.
absl::StatusOr<std::unique_ptr<Store>> OpenRocksStore(const std::string& folder,
                                                      const RocksStoreOptions& options = {});

}  // namespace faultline
