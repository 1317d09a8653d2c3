#include "daemon/core/stream/open_pane.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/check.h"

namespace faultline {

void PaneHeader::Encode(Encoder* out) const {
  out->Signed(index);
  out->Varint(rows);
  out->Signed(first_ns);
  out->Signed(last_ns);
}

bool PaneHeader::Decode(Decoder* in) {
  index = in->Signed();
  rows = in->Varint();
  first_ns = in->Signed();
  last_ns = in->Signed();
  return in->ok();
}

bool DecodePaneBlock(std::string_view payload, uint32_t block, PaneHeader* header,
                     std::vector<PaneEntry>* entries) {
  Decoder in(payload);
  if (!header->Decode(&in)) return false;
  const uint64_t count = in.Varint();
  if (!in.ok() || count > kBlockSignals) return false;
  for (uint64_t i = 0; i < count; ++i) {
    PaneEntry entry;
    entry.signal = block * kBlockSignals + static_cast<uint32_t>(i);
    const uint64_t version = in.Varint();
    if (!in.ok() || version > UINT32_MAX) return false;
    if (version == 0) continue;
    entry.reference_version = static_cast<uint32_t>(version);
    entry.sent = in.Fixed8() != 0;
    entry.summary = in.String();
    entries->push_back(entry);
  }
  return in.Done();
}

void OpenPane::Start(int64_t index) {
  FAULTLINE_CHECK(!started_, "a pane is closed before its slot is used again");
  started_ = true;
  dirty_ = true;
  header_ = PaneHeader{.index = index};
  for (Slot& slot : slots_) {
    slot.counts = false;
    slot.sent = false;
  }
}

void OpenPane::AddRows(uint64_t rows, int64_t first_ns, int64_t last_ns) {
  header_.first_ns = header_.rows == 0 ? first_ns : std::min(header_.first_ns, first_ns);
  header_.last_ns = header_.rows == 0 ? last_ns : std::max(header_.last_ns, last_ns);
  header_.rows += rows;
  dirty_ = true;
}

OpenPane::Slot& OpenPane::SlotOf(uint32_t signal) {
  if (signal >= slots_.size()) slots_.resize(signal + 1);
  return slots_[signal];
}

Summary& OpenPane::SummaryOf(uint32_t signal, const SignalReference& reference) {
  Slot& slot = SlotOf(signal);
  if (slot.counts) return *slot.summary;
  if (slot.summary != nullptr && &slot.summary->shape() == &reference.shape()) {
    slot.summary->Clear();
  } else {
    slot.summary = std::make_unique<Summary>(&reference.shape());
  }
  slot.counts = true;
  return *slot.summary;
}

const Summary* OpenPane::Find(uint32_t signal) const {
  if (signal >= slots_.size() || !slots_[signal].counts) return nullptr;
  return slots_[signal].summary.get();
}

void OpenPane::Drop(uint32_t signal) {
  if (signal >= slots_.size()) return;
  if (started_ && slots_[signal].counts) dirty_ = true;
  slots_[signal] = Slot();
}

void OpenPane::EncodeBlock(uint32_t block, uint32_t signals, Encoder* out) const {
  header_.Encode(out);
  const uint32_t begin = block * kBlockSignals;
  const uint32_t end = std::min(begin + kBlockSignals, signals);
  out->Varint(end - begin);
  std::string bytes;
  for (uint32_t signal = begin; signal < end; ++signal) {
    const Summary* summary = Find(signal);
    out->Varint(summary == nullptr ? 0 : summary->shape().version);
    if (summary == nullptr) continue;
    out->Fixed8(Sent(signal) ? 1 : 0);
    bytes.clear();
    summary->Encode(&bytes);
    out->String(bytes);
  }
}

absl::Status OpenPane::Restore(const PaneHeader& header) {
  if (started_ && header.index != header_.index) {
    return absl::DataLossError("blocks of one pane have different headers");
  }
  started_ = true;
  header_ = header;
  return absl::OkStatus();
}

absl::Status OpenPane::RestoreEntry(const PaneEntry& entry, const SignalReference& reference) {
  absl::StatusOr<Summary> summary = Summary::Decode(&reference.shape(), entry.summary);
  if (!summary.ok()) return absl::DataLossError(summary.status().message());
  Slot& slot = SlotOf(entry.signal);
  slot.summary = std::make_unique<Summary>(*std::move(summary));
  slot.counts = true;
  slot.sent = entry.sent;
  return absl::OkStatus();
}

size_t OpenPane::memory_bytes() const {
  size_t bytes = slots_.capacity() * sizeof(Slot);
  for (const Slot& slot : slots_) {
    if (slot.summary != nullptr) bytes += slot.summary->memory_bytes();
  }
  return bytes;
}

}  // namespace faultline
