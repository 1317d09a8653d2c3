#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace faultline {

// Bytes inserted, left out, exchanged for others, or swapped with their neighbour (optimal string
// alignment).
inline size_t EditDistance(std::string_view a, std::string_view b) {
  const size_t width = b.size() + 1;
  std::vector<size_t> from((a.size() + 1) * width);
  for (size_t j = 0; j <= b.size(); ++j) from[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t* const row = &from[i * width];
    const size_t* const above = row - width;
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t exchanged = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, exchanged});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], from[(i - 2) * width + j - 2] + 1);
    }
  }
  return from.back();
}

// The candidate that a typing error may have meant: the first of those that are nearest to `text`
// and differ from it by at most a third of its bytes, at least one. Nothing if no candidate is that
// near.
inline std::string_view Nearest(std::string_view text, const std::vector<std::string>& candidates) {
  constexpr size_t kTypedMax = 64;
  if (text.size() > kTypedMax) return "";
  std::string_view best;
  size_t best_distance = std::max<size_t>(1, text.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    const size_t distance = EditDistance(text, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

}  // namespace faultline
