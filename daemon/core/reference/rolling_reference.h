#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/codec.h"
#include "detectors/summary/summary.h"

namespace faultline {

// The recent distribution of a signal: its last quiet panes, merged. Compared with the reference in
// use, it shows drift that is too slow for any window; a person can promote it to the reference.
//
// Panes are kept in kSections sections, and the oldest section is dropped as a whole. So it holds
// between seven eighths of its length and all of it, and its size does not depend on the length.
//
// Operation:    Add quiet panes, oldest first; DropSince when a change turns out to have begun
//               earlier.
// Concurrency:  none. State is a function of the calls.
class RollingReference {
 public:
  static constexpr uint32_t kSections = 8;
  // Bit i: slot i was written or emptied.
  using Slots = uint32_t;

  // All panes must be of this shape, which must outlive it.
  explicit RollingReference(const Shape* shape) : merged_(shape) {}

  // Adds a pane with its span of event time. length: panes to hold, at least 1; rounded up to a
  // multiple of kSections.
  Slots Add(const Summary& pane, int64_t begin_ns, int64_t end_ns, uint32_t length);
  // Drops the sections that end after a time.
  Slots DropSince(int64_t time_ns);

  const Summary& merged() const { return merged_; }
  uint64_t panes() const;
  // Event time of its oldest and newest pane; 0 without panes.
  int64_t begin_ns() const;
  int64_t end_ns() const;
  size_t memory_bytes() const;

  // Each slot has its own record, or no record while it is empty. See docs/formats/rolling.md.
  bool Empty(uint32_t slot) const { return sections_[slot].panes == 0; }
  void EncodeSlot(uint32_t slot, Encoder* out) const;
  // Slots in any order. False if the bytes are not this slot.
  [[nodiscard]] bool DecodeSlot(uint32_t slot, Decoder* in);

 private:
  struct Section {
    uint64_t turn = 0;   // counts up; slot = turn % kSections
    uint64_t panes = 0;  // 0: empty
    int64_t begin_ns = 0;
    int64_t end_ns = 0;
    std::string summary;  // encoded
  };
  // The section that receives panes; null if all are empty.
  Section* Newest();
  void MergeAgain();

  std::array<Section, kSections> sections_;
  Summary merged_;
};

}  // namespace faultline
