#include "daemon/core/reference/rolling_reference.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace faultline {
namespace {

Summary Decoded(const Shape& shape, std::string_view bytes) {
  absl::StatusOr<Summary> summary = Summary::Decode(&shape, bytes);
  FAULTLINE_CHECK(summary.ok(), "sections in memory are what Add encoded");
  return *std::move(summary);
}

}  // namespace

RollingReference::Section* RollingReference::Newest() {
  Section* newest = nullptr;
  for (Section& section : sections_) {
    if (section.panes > 0 && (newest == nullptr || section.turn > newest->turn)) newest = &section;
  }
  return newest;
}

RollingReference::Slots RollingReference::Add(const Summary& pane, int64_t begin_ns, int64_t end_ns,
                                              uint32_t length) {
  const uint64_t panes_max = std::max<uint64_t>((length + kSections - 1) / kSections, 1);
  Section* section = Newest();
  bool dropped = false;
  if (section == nullptr || section->panes >= panes_max) {
    const uint64_t turn = section == nullptr ? 0 : section->turn + 1;
    section = &sections_[turn % kSections];
    dropped = section->panes > 0;
    *section = {.turn = turn, .begin_ns = begin_ns, .end_ns = end_ns, .summary = {}};
  }
  const Shape& shape = merged_.shape();
  Summary sum(&shape);
  if (section->panes > 0) sum = Decoded(shape, section->summary);
  sum.Merge(pane);
  section->summary.clear();
  sum.Encode(&section->summary);
  ++section->panes;
  section->begin_ns = std::min(section->begin_ns, begin_ns);
  section->end_ns = std::max(section->end_ns, end_ns);
  // Merge as after a restart, because some parts depend on the order.
  if (dropped || shape.sketches.quantiles || pane.unseen_top().total() > 0) {
    MergeAgain();
  } else {
    merged_.Merge(pane);
  }
  return Slots{1} << (section - sections_.data());
}

RollingReference::Slots RollingReference::DropSince(int64_t time_ns) {
  Slots dropped = 0;
  for (uint32_t slot = 0; slot < kSections; ++slot) {
    if (Empty(slot) || sections_[slot].end_ns <= time_ns) continue;
    sections_[slot] = Section();
    dropped |= Slots{1} << slot;
  }
  if (dropped != 0) MergeAgain();
  return dropped;
}

// Oldest first, because sketches may depend on the order.
void RollingReference::MergeAgain() {
  merged_.Clear();
  const Section* newest = Newest();
  if (newest == nullptr) return;
  for (uint32_t i = 1; i <= kSections; ++i) {
    const Section& section = sections_[(newest->turn + i) % kSections];
    if (section.panes > 0) merged_.Merge(Decoded(merged_.shape(), section.summary));
  }
}

uint64_t RollingReference::panes() const {
  uint64_t panes = 0;
  for (const Section& section : sections_) panes += section.panes;
  return panes;
}

int64_t RollingReference::begin_ns() const {
  int64_t begin_ns = 0;
  for (const Section& section : sections_) {
    if (section.panes > 0 && (begin_ns == 0 || section.begin_ns < begin_ns)) {
      begin_ns = section.begin_ns;
    }
  }
  return begin_ns;
}

int64_t RollingReference::end_ns() const {
  int64_t end_ns = 0;
  for (const Section& section : sections_) end_ns = std::max(end_ns, section.end_ns);
  return end_ns;
}

size_t RollingReference::memory_bytes() const {
  size_t bytes = sizeof *this - sizeof merged_ + merged_.memory_bytes();
  for (const Section& section : sections_) bytes += section.summary.capacity();
  return bytes;
}

void RollingReference::EncodeSlot(uint32_t slot, Encoder* out) const {
  const Section& section = sections_[slot];
  out->Varint(section.turn);
  out->Varint(section.panes);
  out->Signed(section.begin_ns);
  out->Signed(section.end_ns);
  out->String(section.summary);
}

bool RollingReference::DecodeSlot(uint32_t slot, Decoder* in) {
  Section section;
  section.turn = in->Varint();
  section.panes = in->Varint();
  section.begin_ns = in->Signed();
  section.end_ns = in->Signed();
  section.summary = std::string(in->String());
  if (!in->ok() || section.panes == 0 || section.turn % kSections != slot ||
      section.begin_ns > section.end_ns ||
      !Summary::Decode(&merged_.shape(), section.summary).ok()) {
    return false;
  }
  sections_[slot] = std::move(section);
  // All sections must be of the last kSections turns.
  const uint64_t newest = Newest()->turn;
  for (const Section& other : sections_) {
    if (other.panes > 0 && other.turn + kSections <= newest) return false;
  }
  MergeAgain();
  return true;
}

}  // namespace faultline
