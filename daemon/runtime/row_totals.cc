#include "daemon/runtime/row_totals.h"

#include <absl/strings/ascii.h>

#include "base/codec.h"
#include "storage/tables/records.h"

namespace faultline {
std::string SealRowTotals(const RowTotals& totals) {
  std::string payload;
  Encoder encoder(&payload);
  encoder.Varint(totals.received);
  encoder.Varint(totals.applied);
  encoder.Varint(totals.duplicate);
  encoder.Varint(totals.late);
  encoder.Varint(totals.shed);
  encoder.Varint(totals.rejected_by_reason.size());
  for (const auto& [reason, rows] : totals.rejected_by_reason) {
    encoder.String(reason);
    encoder.Varint(rows);
  }
  return SealRecord(Table::kGlobal, payload);
}

absl::StatusOr<RowTotals> OpenRowTotals(std::string_view value) {
  const absl::StatusOr<std::string_view> payload = OpenRecord(Table::kGlobal, value);
  if (!payload.ok()) return payload.status();
  Decoder decoder(*payload);
  RowTotals totals;
  totals.received = decoder.Varint();
  totals.applied = decoder.Varint();
  totals.duplicate = decoder.Varint();
  totals.late = decoder.Varint();
  totals.shed = decoder.Varint();
  const uint64_t reasons = decoder.Varint();
  for (uint64_t i = 0; i < reasons && decoder.ok(); ++i) {
    const std::string reason(decoder.String());
    const uint64_t rows = decoder.Varint();
    totals.rejected_by_reason[reason] = rows;
    totals.rejected += rows;
  }
  if (!decoder.Done()) return absl::DataLossError("the row totals are damaged");
  return totals;
}

std::string SealChangeSequence(uint64_t sequence) {
  std::string payload;
  Encoder(&payload).Varint(sequence);
  return SealRecord(Table::kGlobal, payload);
}

absl::StatusOr<uint64_t> OpenChangeSequence(std::string_view value) {
  const absl::StatusOr<std::string_view> payload = OpenRecord(Table::kGlobal, value);
  if (!payload.ok()) return payload.status();
  Decoder decoder(*payload);
  const uint64_t sequence = decoder.Varint();
  if (!decoder.Done()) return absl::DataLossError("the change sequence is damaged");
  return sequence;
}

bool SameRows(const RowTotals& a, const RowTotals& b) {
  return a.received == b.received && a.applied == b.applied && a.duplicate == b.duplicate &&
         a.late == b.late && a.shed == b.shed && a.rejected_by_reason == b.rejected_by_reason;
}

std::string RejectReasonName(v1::RejectReason reason) {
  constexpr std::string_view kPrefix = "REJECT_REASON_";
  std::string name = v1::RejectReason_Name(reason);
  if (name.starts_with(kPrefix)) name.erase(0, kPrefix.size());
  absl::AsciiStrToLower(&name);
  return name;
}

}  // namespace faultline
