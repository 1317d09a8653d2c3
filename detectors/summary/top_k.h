#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/codec.h"

namespace faultline {

// The most frequent strings of a stream, in at most kEntriesMax counters: Misra and Gries,
// "Finding repeated elements" (1982); merged as in Agarwal et al., "Mergeable summaries" (2012).
// Every count is at most total() / (kEntriesMax + 1) below the true one and never above it, so
// every string more frequent than that is present. Strings are identified by their XXH3-64 hash.
//
// Operation:    Add one by one, Merge panes.
// Concurrency:  not thread-safe.
// Limitations:  keeps the first kLabelBytesMax bytes of a string, cut between UTF-8 characters.
class TopK {
 public:
  static constexpr size_t kEntriesMax = 16;
  static constexpr size_t kLabelBytesMax = 64;

  struct Entry {
    uint64_t hash = 0;
    uint64_t count = 0;
    std::string label;
  };

  void Add(uint64_t hash, std::string_view label);
  void Merge(const TopK& other);
  void Clear();

  // Number of strings added.
  uint64_t total() const { return total_; }
  // Most frequent first; ties by label, then by hash.
  std::vector<Entry> Ranked() const;

  void Encode(Encoder& encoder) const;
  // Returns false and leaves it empty if the bytes are not a TopK.
  [[nodiscard]] bool Decode(Decoder& decoder);
  size_t memory_bytes() const;

 private:
  // Ascending by hash; every count is above 0.
  std::vector<Entry> entries_;
  uint64_t total_ = 0;
};

}  // namespace faultline
