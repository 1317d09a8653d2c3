#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/codec.h"
#include "detectors/summary/summary.h"

namespace faultline {

// What a signal has been like lately: the last quiet panes, merged. Held against the reference in
// use it shows a drift too slow for any window, and a person can promote it to be the reference.
//
// The panes stand in kSections sections, the oldest of which goes as a whole; so it holds between
// seven eighths of its length and all of it, and its size does not depend on the length.
//
// Operation:    Add quiet panes, oldest first; DropSince when one of them turns out not to have
//               been quiet.
// Concurrency:  none. State is a function of the calls.
class RollingReference {
 public:
  static constexpr uint32_t kSections = 8;
  // Bit i: slot i was written or emptied.
  using Slots = uint32_t;

  // All panes must be of this shape, which must outlive it.
  explicit RollingReference(const Shape* shape) : merged_(shape) {}

  // Takes in a pane of this span of event time. length: panes to hold, at least 1; rounded up to a
  // multiple of kSections.
  Slots Add(const Summary& pane, int64_t begin_ns, int64_t end_ns, uint32_t length);
  // Drops the sections that go beyond a time.
  Slots DropSince(int64_t time_ns);

  const Summary& merged() const { return merged_; }
  uint64_t panes() const;
  // Event time of its oldest and newest pane; 0 without panes.
  int64_t begin_ns() const;
  int64_t end_ns() const;
  size_t memory_bytes() const;

  // A slot is stored by itself, and not at all while it is empty. See docs/formats/rolling.md.
  bool Empty(uint32_t slot) const { return sections_[slot].panes == 0; }
  void EncodeSlot(uint32_t slot, Encoder* out) const;
  // Slots in any order. False if the bytes are no such slot.
  [[nodiscard]] bool DecodeSlot(uint32_t slot, Decoder* in);

 private:
  struct Section {
    uint64_t turn = 0;   // counts up; slot = turn % kSections
    uint64_t panes = 0;  // 0: empty
    int64_t begin_ns = 0;
    int64_t end_ns = 0;
    std::string summary;  // encoded
  };
  // The one that panes are added to; null if all are empty.
  Section* Newest();
  void MergeAgain();

  std::array<Section, kSections> sections_;
  Summary merged_;
};

}  // namespace faultline
