#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <string>

namespace faultline {

struct BackupReading {
  uint64_t keys = 0;
  uint64_t bytes = 0;  // of keys and values
};

// Reads everything in a folder that Store::Backup wrote, against all its checksums, and changes
// nothing. NOT_FOUND if there is no such folder, DATA_LOSS if it is damaged, FAILED_PRECONDITION if
// it has a newer data format or Faultline did not write it.
absl::StatusOr<BackupReading> VerifyBackup(const std::string& folder);

// Makes `to`, which must not exist (ALREADY_EXISTS), a data folder from a backup, which stays as it
// is. Both are verified; `to` appears complete or not at all. The daemon must not be running.
absl::Status RestoreBackup(const std::string& from, const std::string& to);

}  // namespace faultline
