#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <string_view>

#include "daemon/runtime/pipeline.h"

namespace faultline {

// Stored forms of what the committer counts over the daemon's life.

std::string SealRowTotals(const RowTotals& totals);
absl::StatusOr<RowTotals> OpenRowTotals(std::string_view value);

std::string SealChangeSequence(uint64_t sequence);
absl::StatusOr<uint64_t> OpenChangeSequence(std::string_view value);

// Equal in everything that is stored.
bool SameRows(const RowTotals& a, const RowTotals& b);

// "decode" for REJECT_REASON_DECODE, and so on: the metric label.
std::string RejectReasonName(v1::RejectReason reason);

}  // namespace faultline
