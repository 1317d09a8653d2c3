#include "daemon/core/stream/stored_panes.h"

#include <algorithm>

namespace faultline {
namespace {

constexpr int64_t kGroupPanes = 16;

}  // namespace

void StoredPanes::Add(int64_t number, int64_t end_ns, uint32_t blocks, uint64_t bytes) {
  Group& group = groups_[number / kGroupPanes];
  group.end_ns = std::max(group.end_ns, end_ns);
  group.bytes += bytes;
  group.blocks = std::max(group.blocks, blocks);
  group.present = static_cast<uint16_t>(group.present | 1U << (number % kGroupPanes));
  bytes_ += bytes;
}

void StoredPanes::Drop(Groups::iterator group, const Forget& forget) {
  for (int64_t i = 0; i < kGroupPanes; ++i) {
    if ((group->second.present >> i & 1) != 0) {
      forget(group->first * kGroupPanes + i, group->second.blocks);
    }
  }
  bytes_ -= group->second.bytes;
  groups_.erase(group);
}

void StoredPanes::Retain(int64_t newest_end_ns, int64_t age_max_ns, uint64_t bytes_max,
                         int64_t keep_from, const Forget& forget) {
  while (!groups_.empty()) {
    const auto oldest = groups_.begin();
    if ((oldest->first + 1) * kGroupPanes > keep_from) return;
    const bool old = age_max_ns > 0 && oldest->second.end_ns < newest_end_ns - age_max_ns;
    if (!old && bytes_ <= bytes_max) return;
    Drop(oldest, forget);
  }
}

void StoredPanes::Clear(const Forget& forget) {
  while (!groups_.empty()) Drop(groups_.begin(), forget);
}

}  // namespace faultline
