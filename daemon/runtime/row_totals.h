#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "faultline/v1/ingestion.pb.h"

namespace faultline {

// All rows the daemon ever received, by outcome, as of one commit: received = applied + duplicate +
// late + rejected + shed + in flight, at every reading (invariant I2).
struct RowTotals {
  uint64_t received = 0;
  uint64_t applied = 0;
  uint64_t duplicate = 0;
  uint64_t late = 0;
  uint64_t rejected = 0;
  uint64_t shed = 0;
  uint64_t in_flight = 0;
  std::map<std::string, uint64_t> rejected_by_reason;  // lower-case RejectReason without prefix
};

// Stored forms of what the committer counts over the daemon's life.

std::string SealRowTotals(const RowTotals& totals);
absl::StatusOr<RowTotals> OpenRowTotals(std::string_view value);

std::string SealChangeSequence(uint64_t sequence);
absl::StatusOr<uint64_t> OpenChangeSequence(std::string_view value);

// True if their stored forms are equal.
bool SameRows(const RowTotals& a, const RowTotals& b);

// "decode" for REJECT_REASON_DECODE, and so on: the metric label.
std::string RejectReasonName(v1::RejectReason reason);

}  // namespace faultline
