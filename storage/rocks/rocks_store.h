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
  // Up to two of these are held, and twice as much log is read at a start.
  uint64_t write_buffer_bytes = 16ull << 20;
  // With less than this free on the disk, opening and commits are refused before RocksDB meets its
  // end: it needs room to write its buffers out, and an append that fails half-way leaves it in
  // states that its own assertions do not foresee. 0: no look.
  uint64_t free_bytes_min = 32ull << 20;
  // Opens a folder whose log is damaged in its middle, without what was committed after the
  // damage. For a person who has no backup.
  bool accept_loss = false;
};

// A store on embedded RocksDB, in a folder of its own (created, 0700).
//
// Failures:  RESOURCE_EXHAUSTED from opening, Commit or Reopen while the disk has less than
//            free_bytes_min free; the store goes on by itself once there is room.
//            FAILED_PRECONDITION: the folder has an owner, or holds a newer data format, or is
//            not ours. PERMISSION_DENIED: read-only. RESOURCE_EXHAUSTED: the disk is full.
//            DATA_LOSS: damaged, with the file as far as it is known; nothing was changed.
//            A failed Commit may or may not be there after Reopen, but never in part. While a
//            Reopen goes on, or after one failed, reads may answer UNAVAILABLE. A visitor must not
//            call Reopen.
absl::StatusOr<std::unique_ptr<Store>> OpenRocksStore(const std::string& folder,
                                                      const RocksStoreOptions& options = {});

}  // namespace faultline
