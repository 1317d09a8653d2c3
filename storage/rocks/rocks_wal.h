#pragma once

#include <absl/status/statusor.h>

#include <string>

namespace faultline {

// Damage in RocksDB's write-ahead logs of a folder, found by their format: blocks of 32 KiB of
// records, each [masked CRC-32C u32][length u16][type u8] payload.
struct WalDamage {
  // The first file with bytes that are not a record, and where; empty if there is no such file. A
  // log that just ends, even within a record, is not damaged.
  std::string file;
  uint64_t offset = 0;
  // True if a commit begins, intact, anywhere after the damage. Commits are written one after the
  // other, each (in durable mode) after the one before was synced: so the damage is not the torn
  // end that a power loss leaves, and hides commits that were acknowledged.
  bool hides_commits = false;
};

absl::StatusOr<WalDamage> FindWalDamage(const std::string& folder);

}  // namespace faultline
