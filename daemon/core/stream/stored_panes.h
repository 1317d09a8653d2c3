#pragma once

#include <cstdint>
#include <functional>
#include <map>

namespace faultline {

// Which closed panes of a model are stored, for retention. Kept as groups of 16 neighbours, to stay
// small with many panes; a group is deleted as a whole.
//
// Concurrency:  none.
class StoredPanes {
 public:
  // `blocks`: number of keys of the pane, from 0 on.
  void Add(int64_t number, int64_t end_ns, uint32_t blocks, uint64_t bytes);

  // Calls forget(number, blocks) for panes to delete, oldest first: those whose group ended more
  // than age_max_ns (0: no limit) before newest_end_ns, then the oldest until at most bytes_max are
  // left. Panes from `keep_from` on always stay.
  using Forget = std::function<void(int64_t number, uint32_t blocks)>;
  void Retain(int64_t newest_end_ns, int64_t age_max_ns, uint64_t bytes_max, int64_t keep_from,
              const Forget& forget);
  // Calls forget for all of them.
  void Clear(const Forget& forget);

  uint64_t bytes() const { return bytes_; }
  size_t memory_bytes() const { return groups_.size() * 80; }

 private:
  struct Group {
    int64_t end_ns = 0;  // of its newest pane
    uint64_t bytes = 0;
    uint32_t blocks = 0;   // most of any of its panes
    uint16_t present = 0;  // bit per pane
  };
  using Groups = std::map<int64_t, Group>;
  void Drop(Groups::iterator group, const Forget& forget);

  Groups groups_;  // by number / 16
  uint64_t bytes_ = 0;
};

}  // namespace faultline
